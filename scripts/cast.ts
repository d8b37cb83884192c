/**
 * Records the running program as docs/wattlag.svg (moving) and docs/wattlag-still.svg.
 *   sudo npm run cast
 * A load of stress-ng and fio runs meanwhile, in a control group made for it. The recording has a neutral host name,
 * and stand-ins for the names of all processes that do not belong to the load.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cgroupMount } from '../src/system/cgroups.ts';
import { Names } from './cast/names.ts';
import { frameText, Screen } from './cast/screen.ts';
import { castSvg, type Picture } from './cast/svg.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const COLUMNS = 96;
const ROWS = 28;
const HOST = 'web-3';
const SLICE = 'shop.slice';
const SERVICES = { web: 'web.service', database: 'database.service' } as const;
const FILE = '/var/tmp/orders.db';
/** Sizes that the checkout carries at most, bytes. */
const LIMIT = 300 * 1024;

interface Scene {
	/** Bytes that are sent. */
	send: string;
	/** Key, as the picture names it. */
	keys: string;
	caption: string;
	/** Pattern of the expected screen. */
	shows: RegExp;
	/** How long each picture of the scene stays, ms: the first as soon as the screen is there, others later; none. */
	stays: readonly number[];
}

const scenes: readonly Scene[] = [
	{ send: '', keys: '', caption: 'findings, and every process', shows: /^A .*\n(?:.*\n)*.*fio/m, stays: [1700, 1700] },
	{ send: '1', keys: '1', caption: 'energy per process', shows: /▼WATTS +TREND/, stays: [1500, 1500] },
	{ send: '2', keys: '2', caption: 'run-queue latency', shows: /RUNS\/s/, stays: [1500, 1500] },
	{ send: 'v', keys: 'v', caption: 'latency over time', shows: /RUNS\/s/, stays: [2200] },
	{ send: '3', keys: '3', caption: 'interrupts', shows: /RATE\/s/, stays: [2000] },
	{ send: '4', keys: '4', caption: 'disk IO by stage', shows: /IOPS/, stays: [1500, 1500] },
	{ send: '0', keys: '0', caption: 'back to the overview', shows: /▼WATTS/, stays: [900] },
	{ send: '/', keys: '/', caption: 'filter', shows: /Enter keeps/, stays: [500] },
	{ send: 'fio', keys: '/', caption: 'filter', shows: /^\/fio/m, stays: [500] },
	{ send: ' cgroup = /shop', keys: '/', caption: 'filter', shows: /^\/fio cgroup = \/shop/m, stays: [500] },
	{ send: '.slice', keys: '/', caption: 'filter', shows: /^\/fio cgroup = \/shop\.slice/m, stays: [1200] },
	{ send: '\r', keys: 'Enter', caption: 'keep the filter', shows: /▼WATTS/, stays: [600] },
	{ send: '\x1b[B', keys: '↓', caption: 'select', shows: /^1\//m, stays: [700] },
	{ send: '\r', keys: 'Enter', caption: 'all about one process', shows: /Overview › /, stays: [2000, 2000] },
	{ send: '\x1b', keys: 'Esc', caption: 'back', shows: /▼WATTS/, stays: [] },
	// only now: without the filter the files of other processes would be in the picture
	{ send: '4', keys: '4', caption: 'disk IO', shows: /4 Disk IO/, stays: [] },
	{ send: 'v', keys: 'v', caption: 'slow requests', shows: /requests over/, stays: [] },
	{ send: '>', keys: 'v', caption: 'slow requests, the filter stays', shows: /▼TIME/, stays: [2400] },
	{ send: '?', keys: '?', caption: 'help for keys and columns', shows: /Help +1–/, stays: [2200] },
];

/** Of which the still is made. */
const STILL = 1;

/** Its parent is the first process: the detail of a process shows its ancestors. */
function start(group: string, command: string, args: string[]): void {
	execFileSync('setsid', ['--fork', 'sh', '-c', 'echo $$ >"$0/cgroup.procs" && exec "$@"', group, command, ...args], {
		stdio: 'ignore',
		cwd: '/',
	});
}

/** Starts the load; the function that ends it leaves nothing behind. */
function load(): () => Promise<void> {
	const mount = cgroupMount('/proc')?.folder;
	if (mount === undefined) throw new Error('cgroup v2 is not mounted: mount -t cgroup2 none /sys/fs/cgroup');
	const slice = join(mount, SLICE);
	const [web, database] = [join(slice, SERVICES.web), join(slice, SERVICES.database)];
	for (const group of [slice, web, database]) mkdirSync(group);
	start(web, 'stress-ng', ['--cpu', '3', '--timeout', '300']);
	start(database, 'fio', [
		...['--name=orders', `--filename=${FILE}`, '--size=64m', '--time_based', '--runtime=300', '--direct=1'],
		...['--rw=randrw', '--bssplit=8k/70:512k/30', '--ioengine=libaio', '--iodepth=8', '--rate_iops=300'],
	]);
	return async () => {
		for (const group of [web, database]) await removeGroup(group);
		rmdirSync(slice);
		rmSync(FILE, { force: true });
	};
}

/** Ends all processes of a group, then removes it. */
async function removeGroup(group: string): Promise<void> {
	for (let rounds = 0; rounds < 100; rounds++) {
		const pids = readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean);
		if (pids.length === 0) break;
		for (const pid of pids) {
			try {
				process.kill(Number(pid), 'SIGKILL');
			} catch {
				// it ended meanwhile
			}
		}
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
	rmdirSync(group);
}

/** Words that a recording must not contain. */
function secrets(): string[] {
	// short ones are part of any text
	return [hostname(), userInfo().username].filter((word) => word.length > 2 && word !== 'root');
}

/** Folders of users. */
const PRIVATE = /\/(home|root|tmp(?<!\/var\/tmp)|work|mnt|opt|srv|media|builds?)\//;

/** Throws where a picture shows this machine. */
function check(pictures: readonly Picture[]): void {
	for (const { frame } of pictures) {
		const text = frameText(frame);
		const words = new Set(text.split(/[^\w.-]+/));
		const found = secrets().find((word) => words.has(word)) ?? PRIVATE.exec(text)?.[0];
		if (found !== undefined) throw new Error(`the recording shows '${found}':\n${text}`);
	}
}

async function record(): Promise<Picture[]> {
	const end = load();
	const names = new Names();
	const noting = setInterval(() => names.note(), 150);
	const program = join(root, 'bin/wattlag');
	// set-up and the warm-up of the compiler's cache are no part of the picture
	const screen = new Screen('unshare', ['--uts', '--', 'sh', '-c', `hostname ${HOST} && exec "$0" --slow 2`, program], {
		columns: COLUMNS,
		rows: ROWS,
		env: {
			PATH: process.env['PATH'] ?? '',
			HOME: '/nonexistent',
			LANG: 'C.UTF-8',
			COLORTERM: 'truecolor',
		},
	});
	try {
		const pictures: Picture[] = [];
		await screen.settled(/▼WATTS/);
		// a past for charts and the heat map, and findings, which begin after 1.5 s
		await new Promise((resolve) => setTimeout(resolve, 15_000));
		for (const { send, keys, caption, shows, stays } of scenes) {
			screen.send(send);
			await new Promise((resolve) => setTimeout(resolve, 150));
			await screen.settled(shows);
			for (const [index, duration] of stays.entries()) {
				// the interval in which a tab is opened is on its way
				if (index > 0) await new Promise((resolve) => setTimeout(resolve, 1000));
				await screen.settled(shows);
				pictures.push({ frame: screen.frame(), keys, caption, duration });
			}
		}
		names.note();
		return pictures.map((picture) => ({ ...picture, frame: names.replace(picture.frame) }));
	} finally {
		clearInterval(noting);
		screen.close();
		await end();
	}
}

function write(path: string, svg: string): void {
	writeFileSync(join(root, path), svg);
	process.stderr.write(`cast: wrote ${path}, ${Math.ceil(svg.length / 1024)} KiB\n`);
}

async function main(): Promise<void> {
	if (process.getuid?.() !== 0) throw new Error('needs root: sudo npm run cast');
	const pictures = await record();
	check(pictures);
	const options = {
		columns: COLUMNS,
		title: `root@${HOST}: sudo wattlag`,
		description:
			'A terminal with wattlag: its tabs overview, energy, run queue, interrupts and disk IO one after another, a filter, the detail of a process, and the help.',
		width: 860,
	};
	const moving = castSvg(pictures, options);
	if (Buffer.byteLength(moving) > LIMIT) throw new Error(`${moving.length} bytes are more than ${LIMIT}`);
	write('docs/wattlag.svg', moving);
	const still = pictures[STILL] as Picture;
	write('docs/wattlag-still.svg', castSvg([still], { ...options, description: frameText(still.frame) }));
}

await main().catch((error: unknown) => {
	process.stderr.write(`cast: ${(error as Error).message}\n`);
	process.exitCode = 1;
});
