/** Both recordings, compared. */
import { UsageError } from '../core/errors.ts';
import { sanitize } from '../lib/sanitize.ts';
import type { CommandLine } from '../options/command.ts';
import { compareGuest, type GuestReport } from '../recording/guest/guest.ts';
import { type AnyRecording, openNamed } from '../recording/recordings.ts';
import type { RecordedTab } from '../recording/validate.ts';

export interface Both {
	host: AnyRecording;
	guest: AnyRecording;
	report: GuestReport;
	close(): void;
}

/** @throws {UsageError} where one of them cannot be read, or has no overview */
export async function openBoth(
	hostPath: string,
	guestPath: string,
	{ values }: Pick<CommandLine, 'values'>,
	tabs: readonly RecordedTab[],
): Promise<Both> {
	const offset = Number(values['offset']);
	const choice = { named: String(values['vm']), offset_ms: offset === 0 ? undefined : offset * 1000 };
	const host = await openNamed(hostPath, tabs);
	const guest = await openNamed(guestPath, tabs);
	const close = () => {
		host.close();
		guest.close();
	};
	try {
		const report = await compareGuest(
			{ path: sanitize(hostPath), recording: host },
			{ path: sanitize(guestPath), recording: guest },
			choice,
		);
		for (const [path, { damage }] of [[hostPath, host] as const, [guestPath, guest] as const])
			for (const text of damage()) process.stderr.write(`wattlag: ${sanitize(path)}: ${text}\n`);
		return { host, guest, report, close };
	} catch (error) {
		close();
		throw new UsageError((error as Error).message);
	}
}
