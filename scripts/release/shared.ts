/** Files of a package beside the program: manual, completions, unit, example configuration. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { commands } from '../../src/commands/commands.ts';
import { registry } from '../../src/registry.ts';
import { bashCompletion, completionWords, fishCompletion, zshCompletion } from './completions.ts';
import { UNITS } from './scriptlets.ts';
import type { Entry } from './tar.ts';

/** RPM distributions keep zsh's completions in another folder. */
export type ZshFolder = 'vendor-completions' | 'site-functions';

/** The example of the configuration's page, which a test reads too. */
function exampleConfig(root: string): string {
	const example = /^```toml\n(.*?)^```$/ms.exec(readFileSync(join(root, 'docs/config.md'), 'utf8'))?.[1];
	if (example === undefined) throw new Error('docs/config.md has no example');
	return `# Example: copy to ~/.config/wattlag/config.toml. Every key is optional.\n${example}`;
}

/** Relative to share/. `notices`: the text of all licences. */
export function sharedFiles(root: string, zsh: ZshFolder, notices: Buffer): Entry[] {
	const words = completionWords({ tracers: registry.map(({ tracer }) => tracer), commands });
	const file = (path: string, contents: Buffer | string): Entry => ({
		path,
		mode: 0o644,
		contents: Buffer.from(contents),
	});
	return [
		// the header of gzip names no time
		file('man/man1/wattlag.1.gz', gzipSync(readFileSync(join(root, 'docs/wattlag.1')), { level: 9 })),
		file('bash-completion/completions/wattlag', bashCompletion(words)),
		file(`zsh/${zsh}/_wattlag`, zshCompletion(words)),
		file('fish/vendor_completions.d/wattlag.fish', fishCompletion(words)),
		file('doc/wattlag/copyright', notices),
		file('doc/wattlag/config.toml', exampleConfig(root)),
		file('doc/wattlag/CHANGELOG.md.gz', gzipSync(readFileSync(join(root, 'CHANGELOG.md')), { level: 9 })),
	];
}

/** Relative to the root folder. */
export function unitFiles(root: string): Entry[] {
	return UNITS.map((name) => ({
		path: `usr/lib/systemd/system/${name}`,
		mode: 0o644,
		contents: readFileSync(join(root, 'scripts/release/files', name)),
	}));
}
