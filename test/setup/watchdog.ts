/** `watchdog.ts RUN`: when standard input ends, so does what the run has started. */
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { killMarked, marked } from './marked.ts';

const [run = ''] = process.argv.slice(2);

/** A worker of the runner, not what a test has started. */
const isWorker = ({ mark }: { mark: string }): boolean => mark === run;

process.stdin.resume();
await once(process.stdin, 'end');
await killMarked(({ mark }) => mark.startsWith(`${run}:`));
// workers end by themselves when the runner is gone, and remove what they have made
for (let waited = 0; waited < 2000 && marked().some(isWorker); waited += 50) await setTimeout(50);
await killMarked(({ mark }) => isWorker({ mark }) || mark.startsWith(`${run}:`));
