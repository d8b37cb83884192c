/** Commands that end, or do not, as their recorder is told to. Real processes, which end with their test. */
import { expect, test } from 'vitest';
import { RecordedCommand } from '../../src/commands/record/recorded-command.ts';

function started(script: string, patienceMs?: number) {
	const said: string[] = [];
	const say = (line: string) => said.push(line);
	const words = ['sh', '-c', script];
	return { command: new RecordedCommand(words, { procRoot: '/proc', say, ...(patienceMs && { patienceMs }) }), said };
}

test.each([
	['its own code', 'exit 7', 7],
	['128 and the number of the signal', 'kill -9 $$', 137],
])('its exit code: %s', async (_, script, code) => {
	expect(await started(script).command.ended).toBe(code);
});

test('a command that is not there, and one that is none', async () => {
	const said: string[] = [];
	const code = (name: string) =>
		new RecordedCommand([name], { procRoot: '/proc', say: (line) => said.push(line) }).ended;
	expect([await code('/nowhere/at-all'), await code('/etc/passwd')]).toEqual([127, 126]);
	expect(said).toEqual(['/nowhere/at-all: not found', '/etc/passwd: cannot be started (EACCES)']);
});

test('a signal reaches it, and its own answer is the result', async () => {
	const { command, said } = started('trap "exit 5" TERM; while :; do sleep 0.05; done');
	// until the trap is set
	await new Promise((resolve) => setTimeout(resolve, 300));
	expect(await command.end('SIGTERM')).toBe(5);
	expect(said).toEqual([]);
});

test('one that does not react to SIGTERM is killed, which is said', async () => {
	const { command, said } = started('trap "" TERM; while :; do sleep 0.05; done', 300);
	await new Promise((resolve) => setTimeout(resolve, 300));
	expect(await command.end('SIGTERM')).toBe(137);
	expect(said).toEqual(['sh has not ended 0.3 s after SIGTERM: SIGKILL']);
});

test('a second signal kills it at once', async () => {
	const { command, said } = started('trap "" TERM; while :; do sleep 0.05; done');
	await new Promise((resolve) => setTimeout(resolve, 300));
	const ended = command.end('SIGTERM');
	process.emit('SIGTERM', 'SIGTERM');
	expect(await ended).toBe(137);
	expect(said).toEqual([]);
});
