/** Secrets, from a file or the environment and never from the command line. */
import { systemReason, UsageError } from '../../core/errors.ts';
import { readNamed } from '../../lib/named-file.ts';

/** A secret is short: another file was named by mistake. */
const MOST_BYTES = 64 * 1024;

function readSmall(option: string, path: string): Buffer {
	try {
		const bytes = readNamed(path, MOST_BYTES);
		if (bytes.length > MOST_BYTES) throw new Error('too large for a secret');
		return bytes;
	} catch (error) {
		throw new UsageError(`--${option} ${path}: ${systemReason(error)}`);
	}
}

/** A file of PEM. @throws {UsageError} */
export function readPem(option: string, path: string): Buffer {
	const bytes = readSmall(option, path);
	if (!bytes.includes('-----BEGIN ')) throw new UsageError(`--${option} ${path}: no PEM in it`);
	return bytes;
}

/**
 * The value of the header Authorization: `ApiKey …`, `Bearer …` and `Basic …` as they are, `user:password` as Basic.
 * @throws {UsageError}
 */
export function authorization(text: string, from: string): string {
	const line = text.trim();
	if (line === '' || /[\r\n]/.test(line)) throw new UsageError(`${from}: must have one line`);
	// a header has ASCII; a password may have any character, since it is encoded
	if (/^(ApiKey|Bearer|Basic) [\x21-\x7e]+$/.test(line)) return line;
	if (/^(ApiKey|Bearer|Basic) /.test(line))
		throw new UsageError(`${from}: its key or token has other characters than ASCII`);
	if (!/^[^:\s]+:.+$/.test(line)) throw new UsageError(`${from}: write user:password, ApiKey KEY or Bearer TOKEN`);
	return `Basic ${Buffer.from(line).toString('base64')}`;
}

export function readAuthorization(option: string, path: string): string {
	return authorization(readSmall(option, path).toString('utf8'), `--${option} ${path}`);
}
