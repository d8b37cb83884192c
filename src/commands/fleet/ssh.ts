/** The command that reaches wattlag on a host. */
import { UsageError } from '../../core/errors.ts';
import { checkHost } from '../../fleet/ssh-source.ts';
import type { CommandLine } from '../../options/command.ts';

const split = (text: string): string[] => text.split(' ').filter((word) => word !== '');

/**
 * No shell is here: words are split at spaces. ssh gives the remote words to the login shell there, so the host is the only
 * part that is not this user's own, and is checked.
 * @throws {UsageError}
 */
export function remoteWords({ values }: Pick<CommandLine, 'values'>, host: string, words: readonly string[]): string[] {
	checkHost(host, 'host');
	const ssh = split(String(values['ssh']));
	const remote = split(String(values['remote']));
	if (ssh.length === 0) throw new UsageError('--ssh needs a program');
	if (remote.length === 0) throw new UsageError('--remote needs a program');
	return [...ssh, host, ...remote, ...words];
}

export function agentCommand(line: Pick<CommandLine, 'values'>, host: string): string[] {
	return remoteWords(line, host, ['agent', '--stdio']);
}
