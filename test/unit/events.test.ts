/** Events without a kernel: the kernel's log, wait chains, correlation, links, addresses, the table of reasons. */
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { safe, sanitize } from '../../src/lib/sanitize.ts';
import { CoreSymbols, KernelSymbols, symbolsIn } from '../../src/symbols/kernel-names.ts';
import { addressText, endpointText, tcpFlags } from '../../src/tracers/events/addresses.ts';
import { blockedTasks, type Sleeper, waitChains } from '../../src/tracers/events/blocked/chains.ts';
import { mountDevice } from '../../src/tracers/events/blocked/files.ts';
import { waitOf } from '../../src/tracers/events/blocked/waits.ts';
import { Correlation, droppedByDevices } from '../../src/tracers/events/correlate.ts';
import { ofSlot, SLOTS } from '../../src/tracers/events/kinds.ts';
import { KernelEvents } from '../../src/tracers/events/kmsg/events.ts';
import { parseKernelMessage } from '../../src/tracers/events/kmsg/parse.ts';
import { recognise } from '../../src/tracers/events/kmsg/patterns.ts';
import {
	compareBond,
	type LinkEvent,
	Links,
	parseBond,
	parseNetDev,
	parseSoftnet,
	softnetGained,
} from '../../src/tracers/events/links.ts';
import { ownGrowth } from '../../src/tracers/events/memory-growth.ts';
import { NamespaceGroups } from '../../src/tracers/events/namespaces.ts';
import { invalidReasons } from '../../src/tracers/events/options.ts';
import { HiddenReasons, Reasons, reasonOf, reasonTable } from '../../src/tracers/events/reasons.ts';
import { EVENT_KINDS, type EventRecord } from '../../src/tracers/events/snapshot.ts';
import { makeTree } from '../lib/tree.ts';
import { eventRecord } from '../ui/fixtures/events.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

describe('the kernel log', () => {
	test('a record: facility, level, number, time, text, dictionary', () => {
		expect(parseKernelMessage(bytes('6,1234,5678901,-;text with; semicolon\n SUBSYSTEM=net\n DEVICE=n3\n'))).toEqual({
			facility: 0,
			level: 6,
			sequence: 1234,
			mono_ns: 5678901000,
			text: 'text with; semicolon',
			dictionary: { SUBSYSTEM: 'net', DEVICE: 'n3' },
		});
		expect(parseKernelMessage(bytes('12,1,2,-;from a program'))?.facility).toBe(1);
		expect(parseKernelMessage(bytes('4,1,2,-;\\x1b[31mred\\x5c'))?.text).toBe('^[[31mred\\');
		for (const junk of ['', 'no record', '6,1,2', '6,1;x', ',,,;', 'x'.repeat(9000)])
			expect(parseKernelMessage(bytes(junk))).toBeUndefined();
	});

	// lines as kernels print them
	test.each([
		['watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [swapper/1:0]', 'lockup', 'SOFT', { object: 'cpu1', pid: 0 }],
		['watchdog: Watchdog detected hard LOCKUP on cpu 3', 'lockup', 'HARD', { object: 'cpu3' }],
		['rcu: INFO: rcu_preempt self-detected stall on CPU', 'rcu-stall', 'rcu_preempt', {}],
		['rcu: INFO: rcu_sched detected stalls on CPUs/tasks:', 'rcu-stall', 'rcu_sched', {}],
		['INFO: task dd:4711 blocked for more than 120 seconds.', 'hung-task', 'TIMEOUT', { comm: 'dd', pid: 4711 }],
		[
			'oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/docker/a,task_memcg=/docker/a/b,task=stress,pid=99,uid=0',
			'oom',
			'VICTIM',
			{ comm: 'stress', pid: 99, groups: { constraint: 'CONSTRAINT_MEMCG', limit: '/docker/a', task: '/docker/a/b' } },
		],
		[
			'oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=user.slice,mems_allowed=0-1,global_oom,task_memcg=/user.slice,task=java,pid=7,uid=1000',
			'oom',
			'VICTIM',
			{ comm: 'java', groups: { constraint: 'CONSTRAINT_NONE', limit: '', task: '/user.slice' } },
		],
		[
			'I/O error, dev sda, sector 123456 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 0',
			'block-error',
			'IOERR',
			{ object: 'sda' },
		],
		['blk_update_request: critical medium error, dev sdb, sector 8', 'block-error', 'MEDIUM', { object: 'sdb' }],
		['Buffer I/O error on dev loop0, logical block 4, async page read', 'block-error', 'BUFFER', { object: 'loop0' }],
		[
			'md/raid1:md0: Disk failure on sda1, disabling device.',
			'block-error',
			'RAID_DISK_FAILURE',
			{ object: 'sda1 of md0' },
		],
		[
			'EXT4-fs error (device vda1): ext4_lookup:1855: inode #2: comm ls: bad',
			'fs-error',
			'EXT4_ERROR',
			{ object: 'vda1' },
		],
		['EXT4-fs (vda1): Remounting filesystem read-only', 'fs-error', 'READ_ONLY', { object: 'vda1' }],
		['BTRFS error (device sdc state A): bdev /dev/sdc errs', 'fs-error', 'BTRFS_ERROR', {}],
		['NETDEV WATCHDOG: eth0 (e1000e): transmit queue 0 timed out', 'tx-timeout', 'QUEUE', { object: 'eth0' }],
		[
			'NETDEV WATCHDOG: CPU: 1: eth0 (virtio_net): transmit queue 2 timed out 5020 ms',
			'tx-timeout',
			'QUEUE',
			{ object: 'eth0' },
		],
		['e1000e 0000:00:1f.6 eth0: NIC Link is Down', 'link', 'DOWN', { object: 'eth0' }],
		['IPv6: ADDRCONF(NETDEV_CHANGE): eth0: link becomes ready', 'link', 'UP', {}],
		[
			'bond0: (slave eth1): link status definitely down, disabling slave',
			'bond',
			'CHANGE',
			{ object: 'eth1 of bond0' },
		],
		['nf_conntrack: nf_conntrack: table full, dropping packet', 'conntrack', 'TABLE_FULL', {}],
		['TCP: request_sock_TCP: Possible SYN flooding on port 0.0.0.0:80. Sending cookies.', 'syn-flood', 'PORT', {}],
		['neighbour: arp_cache: neighbor table overflow!', 'kernel', 'NEIGHBOUR_TABLE_FULL', { object: 'arp_cache' }],
		[
			'mce: CPU2: Core temperature above threshold, cpu clock throttled (total events = 1)',
			'thermal',
			'THROTTLED',
			{ object: 'cpu2' },
		],
		['mce: [Hardware Error]: Machine check events logged', 'hardware', 'MACHINE_CHECK', {}],
		[
			'mce: [Hardware Error]: CPU 0: Machine Check Exception: 5 Bank 1: be',
			'hardware',
			'MACHINE_CHECK',
			{ object: 'cpu0' },
		],
		['EDAC MC0: 1 CE memory read error on CPU_SrcID#0', 'hardware', 'MEMORY_CORRECTED', { object: 'MC0' }],
		[
			'pcieport 0000:00:1c.5: AER: Corrected error received: 0000:00:1c.5',
			'hardware',
			'PCIE',
			{ object: '0000:00:1c.5' },
		],
		['sched: RT throttling activated', 'throttled-rt', 'ACTIVATED', {}],
		[
			'kworker/u8:2: page allocation failure: order:5, mode:0x40dc0(GFP_KERNEL)',
			'allocation-failure',
			'ORDER_5',
			{ comm: 'kworker/u8:2' },
		],
		[
			'workqueue: blk_mq_requeue_work hogged CPU for >10000us 4 times, consider switching to WQ_UNBOUND',
			'kernel',
			'WORKQUEUE_HOG',
			{},
		],
		['a.out[812]: segfault at 0 ip 0000 sp 0000 error 4 in a.out', 'kernel', 'SEGFAULT', { comm: 'a.out', pid: 812 }],
		['BUG: kernel NULL pointer dereference, address: 0000000000000000', 'kernel', 'BUG', { severity: 'severe' }],
	] as const)('%s', (message, kind, reason, rest) => {
		expect(recognise(message)).toMatchObject({ kind, reason, ...rest });
	});

	test('a name inside a message does not pass for a message', () => {
		expect(recognise('evil: watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [x:1]')).toBeUndefined();
		expect(recognise('usb 1-1: new device')).toBeUndefined();
		// messages that begin with the name of a process, which any user chooses
		for (const name of ['BUG: ', 'Oops: ', 'WARNING: ', 'kernel BUG at '])
			expect(recognise(`${name}[812] bad frame in rt_sigreturn frame:0000 ip:0 sp:0 orax:ffff`)).toBeUndefined();
		expect(recognise('Oops: 0002 [#1] PREEMPT SMP NOPTI')?.severity).toBe('severe');
		expect(recognise('WARNING: CPU: 3 PID: 4711 at kernel/x.c:1 f+0x1/0x2')?.object).toBe('cpu3');
	});

	test('messages of programs are ignored, those of before the start marked, doubles of a tracepoint kept apart', () => {
		const messages = [
			'6,1,1000,-;nf_conntrack: table full, dropping packet',
			'14,2,2000,-;watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [forged:1]',
			'3,3,3000,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/,task=a,pid=7,uid=0',
		].map((text) => parseKernelMessage(bytes(text)));
		const log = { state: safe`read`, overwritten: 0, caughtUp: false, read: () => messages, close: () => undefined };
		const events = new KernelEvents(new Set(['mark_victim']), new Reasons(), log as never);
		const first = events.read(() => '2026-01-01T00:00:00.000Z');
		expect(first.map(({ record, double }) => [record.kind, record.before_start, double])).toEqual([
			['conntrack', true, false],
			['oom', true, false],
		]);
		log.caughtUp = true;
		const later = events.read(() => '2026-01-01T00:00:00.000Z');
		expect(later.map(({ record, double }) => [record.kind, record.before_start, double])).toEqual([
			['conntrack', false, false],
			['oom', false, true],
		]);
	});

	test('a flood of one reason leaves records to others, and all are counted', () => {
		const flood = Array.from({ length: 500 }, (_, i) =>
			parseKernelMessage(bytes(`4,${i},1,-;sched: RT throttling activated`)),
		);
		const one = parseKernelMessage(bytes('4,900,1,-;nf_conntrack: table full, dropping packet'));
		const log = {
			state: safe`read`,
			overwritten: 0,
			caughtUp: true,
			read: () => [one, ...flood],
			close: () => undefined,
		};
		const read = new KernelEvents(new Set(), new Reasons(), log as never).read(() => '');
		expect(read).toHaveLength(501);
		expect(read[0]?.recorded).toBe(true);
		expect(read.filter(({ recorded }) => recorded)).toHaveLength(21);
	});
});

function sleeper(tid: number, comm: string, change: Partial<Sleeper> = {}): Sleeper {
	return {
		pid: tid,
		tid,
		start_time: tid,
		comm: sanitize(comm),
		cgroup: safe`/`,
		age_ns: 4.2e9,
		in_iowait: false,
		stack: [],
		lock: undefined,
		file: undefined,
		...change,
	};
}

const names = (stack: string) => stack.split(' ').map((name) => sanitize(name));

describe('wait chains', () => {
	test('writers wait for the journal, which waits for its disk', () => {
		const file = { path: safe`/var/x`, device: safe`vda1` };
		const stack = names('jbd2_log_wait_commit ext4_sync_file do_fsync');
		const journal = sleeper(9, 'jbd2/vda1-8', {
			in_iowait: true,
			stack: names('bit_wait_io jbd2_journal_commit_transaction'),
		});
		const writers = Array.from({ length: 37 }, (_, i) => sleeper(100 + i, 'postgres', { stack, file }));
		const chains = waitChains(blockedTasks([journal, ...writers], 1e9));
		expect(chains.map(({ text }) => text)).toEqual([
			'37 tasks wait for jbd2/vda1-8[9], which waits for vda1: 4.20s',
			'jbd2/vda1-8[9] waits for vda1: 4.20s',
		]);
		expect(chains[0]?.root).toMatchObject({ what: 'device', name: 'vda1' });
		expect(chains[0]?.pids).toHaveLength(37);
	});

	test('through the owners of locks to the root; a circle is a deadlock', () => {
		const lock = (tid: number, comm: string) => ({
			type: 'mutex' as const,
			owner: { pid: tid, tid, comm: sanitize(comm) },
		});
		const tasks = [
			sleeper(1, 'a', { lock: lock(2, 'b') }),
			sleeper(2, 'b', { lock: lock(3, 'c') }),
			sleeper(3, 'c', { stack: names('rpc_wait_bit_killable nfs4_run_open_task'), file: undefined }),
		];
		expect(blockedTasks(tasks, 1e9)[0]?.chain.map(({ name }) => name)).toEqual([
			'b[2], which has the mutex',
			'c[3], which has the mutex',
			'a server of a network file system',
		]);
		const circle = [sleeper(1, 'a', { lock: lock(2, 'b') }), sleeper(2, 'b', { lock: lock(1, 'a') })];
		expect(blockedTasks(circle, 1e9)[0]?.chain.at(-1)?.name).toBe('itself: a deadlock');
	});

	test('younger sleeps are no blocked tasks; unknown parts are marked', () => {
		expect(blockedTasks([sleeper(1, 'a', { age_ns: 9e8 })], 1e9)).toEqual([]);
		const [task] = blockedTasks([sleeper(1, 'a', { stack: names('some_new_function schedule') })], 1e9);
		expect(task?.chain).toEqual([{ what: 'not-known', name: 'not known (in some_new_function)', pid: 0, tid: 0 }]);
	});

	test.each([
		['percpu_rwsem_wait vfs_write ksys_write', 'FROZEN_FS'],
		['__percpu_down_read percpu_rwsem_wait mnt_want_write', 'FROZEN_FS'],
		['percpu_rwsem_wait cgroup_procs_write_start', 'LOCK'],
		['io_schedule folio_wait_bit_common filemap_fault', 'DISK'],
		['io_schedule bit_wait_io nfs_wait_on_request', 'NETWORK_FS'],
		['rwsem_down_write_slowpath jbd2_journal_lock_updates', 'JOURNAL'],
	])('%s: %s', (stack, reason) => {
		expect(waitOf(stack.split(' '))?.reason).toBe(reason);
	});

	test('a mount without a block device has its source', () => {
		const mountinfo = '36 25 0:42 / /mnt rw - nfs4 server:/export rw\n37 25 253:1 / /x rw - ext4 /dev/vda1 rw\n';
		expect(mountDevice(mountinfo, 36, '/nowhere')).toBe('server:/export');
		expect(mountDevice(mountinfo, 37, '/nowhere')).toBe('/dev/vda1');
		expect(mountDevice(mountinfo, 38, '/nowhere')).toBeUndefined();
	});
});

describe('a retransmit', () => {
	const at = (mono_ns: number) => ({ time: '2026-01-01T00:00:00.000Z', mono_ns: mono_ns + 3e8 });
	const drop = (mono_ns: number, change: Partial<EventRecord> = {}): EventRecord => ({
		...eventRecord(at(mono_ns), 'drop', 'QDISC_DROP', 'eth0'),
		protocol: safe`tcp`,
		...change,
	});
	const again = (mono_ns: number): EventRecord => ({
		...eventRecord(at(mono_ns), 'retransmit', 'Loss', 'x'),
		protocol: safe`tcp`,
	});
	const verdictOf = (records: EventRecord[], unseen = false) => {
		const last = records.at(-1) as EventRecord;
		new Correlation(0).join(records, unseen, last.mono_ns);
		return last.lost_at;
	};

	test('is joined with a drop of its connection in its namespace, within 2 s', () => {
		expect(verdictOf([drop(9e9), again(10e9)])).toMatchObject({ verdict: 'here', reason: 'QDISC_DROP' });
		expect(verdictOf([drop(7e9), again(10e9)])).toMatchObject({ verdict: 'elsewhere' });
		expect(verdictOf([drop(9e9, { netns: 1 }), again(10e9)])).toMatchObject({ verdict: 'elsewhere' });
		// the same segment, in the namespace of the other end
		const [lost, repeated] = [drop(9e9, { netns: 1, figures: { seq: 77 } }), again(10e9)];
		expect(verdictOf([lost, { ...repeated, figures: { seq: 77 } }])).toMatchObject({ verdict: 'here' });
		expect(verdictOf([lost, { ...repeated, figures: { seq: 78 } }])).toMatchObject({ verdict: 'elsewhere' });
		expect(verdictOf([drop(9e9, { source: { address: safe`192.0.2.9`, port: 1 } }), again(10e9)])).toMatchObject({
			verdict: 'elsewhere',
		});
	});

	test('nothing is said where drops had no record, or before this program ran', () => {
		expect(verdictOf([again(10e9)], true)).toMatchObject({ verdict: 'not-known' });
		expect(verdictOf([again(1e9)])).toMatchObject({ verdict: 'not-known' });
	});

	test('a drop by a network device itself has no record', () => {
		const link = {
			...{ device: safe`eth0`, state: safe`up`, carrier_changes: 1, bond: safe`` },
			...{ dropped_hardware: 0, dropped_driver: 0, dropped_stack: 5 },
		};
		expect(droppedByDevices([link])).toBe(false);
		expect(droppedByDevices([link, { ...link, dropped_hardware: 1 }])).toBe(true);
		expect(droppedByDevices([{ ...link, dropped_driver: 1 }])).toBe(true);
	});
});

describe('links', () => {
	const bond = (mii: string, aggregator: number, partner: string) =>
		[
			'Bonding Mode: IEEE 802.3ad Dynamic link aggregation',
			'MII Status: up',
			'Slave Interface: eth1',
			`MII Status: ${mii}`,
			'Link Failure Count: 1',
			`Aggregator ID: ${aggregator}`,
			'Actor Churn State: none',
			'Partner Churn State: none',
			'details actor lacp pdu:',
			'    system mac address: 00:00:00:00:00:01',
			'details partner lacp pdu:',
			`    system mac address: ${partner}`,
		].join('\n');

	test('a change of a bond follows from two readings', () => {
		const changes: LinkEvent[] = [];
		compareBond(safe`bond0`, parseBond(bond('up', 1, 'aa:aa')), parseBond(bond('down', 2, '00:00')), changes);
		expect(changes.map(({ reason, device }) => `${reason} ${device}`)).toEqual([
			'DOWN eth1 of bond0',
			'LACP_AGGREGATOR eth1 of bond0',
			'LACP_PARTNER eth1 of bond0',
		]);
		const same: LinkEvent[] = [];
		compareBond(safe`bond0`, parseBond(bond('up', 1, 'aa:aa')), parseBond(bond('up', 1, 'aa:aa')), same);
		expect(same).toEqual([]);
	});

	test('counters of proc', () => {
		const softnet = parseSoftnet('00000010 00000002 00000003 0\n00000010 0000000a 00000000 0\n');
		expect([...softnet]).toEqual([[0, { dropped: 2, squeezed: 3 }], [1, { dropped: 10, squeezed: 0 }]]); // biome-ignore format: one list
		const dev = 'Inter-|   Receive\n face |bytes\n  eth0: 100 5 1 7 2 0 0 0 9 9 0 0 0 0 0 0\n';
		expect(parseNetDev(dev).get('eth0')).toEqual({ dropped: 7, fifo: 2 });
	});

	test('a CPU that comes online brings no drops of before', () => {
		const line = (cpu: number, dropped: number, squeezed: number) =>
			[100, dropped, squeezed, 0, 0, 0, 0, 0, 0, 0, 0, 0, cpu, 0, 0].map((one) => one.toString(16).padStart(8, '0')).join(' '); // biome-ignore format: one line
		const [both, one, more] = [
			[line(0, 5, 1), line(2, 1000, 70)],
			[line(0, 6, 1)],
			[line(0, 6, 4), line(2, 1000, 70)],
		].map((lines) => parseSoftnet(`${lines.join('\n')}\n`)) as [ReturnType<typeof parseSoftnet>, ReturnType<typeof parseSoftnet>, ReturnType<typeof parseSoftnet>]; // biome-ignore format: three readings
		expect(softnetGained(both, one)).toEqual({ dropped: 1, squeezed: 0 });
		expect(softnetGained(one, more)).toEqual({ dropped: 0, squeezed: 3 });
		expect(softnetGained(both, more)).toEqual({ dropped: 1, squeezed: 3 });
	});

	test('a device that was made anew has no negative drops', () => {
		const tree = makeTree();
		const device = (missed: number, fifo: number, dropped: number) => {
			tree.set('sys/class/net/eth0/carrier_changes', '1\n');
			tree.set('sys/class/net/eth0/operstate', 'up\n');
			tree.set('sys/class/net/eth0/statistics/rx_missed_errors', `${missed}\n`);
			tree.set('proc/self/net/dev', `h\nh\n  eth0: 100 5 1 ${dropped} ${fifo} 0 0 0 9 9 0 0 0 0 0 0\n`);
		};
		const links = new Links(join(tree.root, 'proc'), join(tree.root, 'sys'));
		device(50, 7, 60);
		links.read();
		device(0, 0, 0);
		expect(links.read().links[0]).toMatchObject({ dropped_hardware: 0, dropped_driver: 0, dropped_stack: 0 });
		device(2, 1, 2);
		expect(links.read().links[0]).toMatchObject({ dropped_hardware: 3, dropped_driver: 0, dropped_stack: 0 });
	});

	test('drops of a device whose name is not ASCII are its own', () => {
		const tree = makeTree();
		const device = (dropped: number) => {
			tree.set('sys/class/net/büro0/carrier_changes', '1\n');
			tree.set('proc/self/net/dev', `h\nh\nbüro0: 100 5 0 ${dropped} 0 0 0 0 9 9 0 0 0 0 0 0\n`);
		};
		const links = new Links(join(tree.root, 'proc'), join(tree.root, 'sys'));
		device(1);
		links.read();
		device(4);
		expect(links.read().links[0]).toMatchObject({ device: 'büro0', dropped_stack: 3 });
	});

	test('files of devices do not stay open: another device may have the name by now', () => {
		expect(new Links('/proc', '/sys').read().links.length).toBeGreaterThan(0);
		const open = readdirSync('/proc/self/fd').map((fd) => {
			try {
				return readlinkSync(`/proc/self/fd/${fd}`);
			} catch {
				return '';
			}
		});
		expect(open.filter((path) => path.endsWith('/carrier_changes'))).toEqual([]);
	});

	test('of more devices than are polled, those with hardware are', () => {
		const tree = makeTree();
		tree.set('proc/self/net/dev', '');
		const add = (name: string) => tree.set(`sys/class/net/${name}/carrier_changes`, '1\n');
		for (let index = 0; index < 400; index++) add(`veth${index}`);
		const cards = ['aaa0', 'eth0', 'wlan0', 'zzz0'];
		for (const name of cards) {
			add(name);
			tree.set(`sys/class/net/${name}/device/vendor`, '0x8086\n');
		}
		const links = new Links(join(tree.root, 'proc'), join(tree.root, 'sys'));
		const names = () => links.read().links.map(({ device }) => device as string);
		const first = names();
		expect(first.length).toBe(256);
		expect(first).toEqual(expect.arrayContaining(cards));
		// the same ones each time: the state of before is needed for a change
		expect(new Set(names())).toEqual(new Set(first));
	});
});

test('the group of a network namespace is that of a process in it; that of the machine itself is no container', () => {
	const tree = makeTree();
	const process = (pid: number, netns: number, group: string) => {
		tree.link(`proc/${pid}/ns/net`, `net:[${netns}]`);
		tree.set(`proc/${pid}/cgroup`, `0::${group}\n`);
	};
	process(1, 100, '/init.scope');
	process(7, 200, '/docker/web');
	process(9, 300, '/docker/d\u001b[31mb');
	tree.link('proc/self/ns/net', 'net:[100]');
	const names = () => [100, 200, 300, 400].map((netns) => groups.of(netns));
	const groups = new NamespaceGroups(tree.path('proc'));
	expect(names()).toEqual(['', '', '', '']);
	groups.wanted([100, 200, 400], 10e9);
	expect(names()).toEqual(['', '/docker/web', '', '']);
	// a search pauses: it reads a link of each process
	groups.wanted([300], 12e9);
	expect(groups.of(300)).toBe('');
	groups.wanted([300], 16e9);
	expect(groups.of(300)).toMatch(/^\/docker\/d.*b$/);
	expect(groups.of(300)).not.toContain('\u001b');
	// the process has ended: its namespace keeps the name
	tree.remove('proc/7');
	groups.wanted([200, 400], 30e9);
	expect(groups.of(200)).toBe('/docker/web');
});

test('addresses and flags', () => {
	expect(addressText(2, Uint8Array.of(192, 0, 2, 1, 0, 0, 0, 0))).toBe('192.0.2.1');
	const v6 = (text: string) => addressText(10, Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex')));
	expect(v6('2001 0db8 0000 0000 0000 0000 0000 0001')).toBe('2001:db8::1');
	expect(v6('0000 0000 0000 0000 0000 0000 0000 0001')).toBe('::1');
	expect(v6('2001 0db8 0001 0002 0003 0004 0005 0006')).toBe('2001:db8:1:2:3:4:5:6');
	expect(v6('2001 0db8 0000 0001 0001 0001 0001 0001')).toBe('2001:db8:0:1:1:1:1:1');
	expect(v6('0000 0000 0000 0000 0000 ffff c000 0201')).toBe('::ffff:192.0.2.1');
	expect(endpointText(safe`2001:db8::1`, 80)).toBe('[2001:db8::1]:80');
	expect(tcpFlags(0x12)).toBe('SYN ACK');
});

test('the growth of a group does not count for its parent', () => {
	const before = new Map([['', 100], ['/a', 50], ['/a/b', 20]]); // biome-ignore format: a tree
	const now = new Map([['', 200], ['/a', 140], ['/a/b', 100]]); // biome-ignore format: a tree
	expect([...ownGrowth(before, now)]).toEqual([['', 10], ['/a', 10], ['/a/b', 80]]); // biome-ignore format: a tree
});

test('symbols: the function that an address is in, whatever the order of the text', () => {
	const text = bytes(
		[
			'ffffffff81000000 T first',
			'ffffffff81000100 D data',
			'ffffffffc0000000 t in_module\t[mod]',
			'ffffffff81000200 t second',
			'',
		].join('\n'),
	);
	const address = (hex: string) => Number(BigInt.asIntN(64, BigInt(`0x${hex}`)));
	const addresses = Float64Array.from([
		address('ffffffff80000000'),
		address('ffffffff81000150'),
		address('ffffffff81000200'),
		address('ffffffff81000333'),
		address('ffffffffc0000010'),
	]);
	expect(symbolsIn([text], addresses)).toEqual(['', 'first', 'second', 'second', 'in_module']);
});

test('symbols of the kernel itself are found without its text; those of modules and programs are not its own', () => {
	const lines = [
		'ffffffff81000000 T _stext',
		'ffffffff81000000 t alias',
		'ffffffff81000100 T first',
		'ffffffff81000180 D data',
		'ffffffff81000200 t second',
		'ffffffff81000300 T _etext',
		'ffffffff82000000 T _sinittext',
		'ffffffffc0000000 t in_module	[module]',
	];
	const address = (hex: string) => Number(BigInt.asIntN(64, BigInt(`0x${hex}`)));
	const core = CoreSymbols.of(lines.map((line) => bytes(`${line}\n`)));
	const names = ['80000000', '81000000', '810001ff', '81000200', '810002ff', '81000300', '82000010', 'c0000010'].map(
		(low) => core?.of(address(`ffffffff${low}`)),
	);
	expect(names).toEqual([undefined, '_stext', 'first', 'second', 'second', undefined, undefined, undefined]);
	const [first = '', ...others] = lines;
	expect(CoreSymbols.of([bytes([...others, first].join('\n'))])).toBeUndefined();
	expect(CoreSymbols.of([bytes(lines.filter((line) => !line.includes('_etext')).join('\n'))])).toBeUndefined();
});

test('symbols that are not in order are read once to find out, and each address is still named', () => {
	const folder = mkdtempSync(join(tmpdir(), 'wattlag-kallsyms-'));
	const of = vi.spyOn(CoreSymbols, 'of');
	try {
		writeFileSync(
			join(folder, 'kallsyms'),
			['ffffffff81000200 T second', 'ffffffff81000100 t first', 'ffffffff81000300 T _etext', ''].join('\n'),
		);
		const symbols = new KernelSymbols(folder);
		for (const [low, name] of [
			['81000104', 'first'],
			['81000204', 'second'],
			['81000108', 'first'],
			['81000208', 'second'],
		]) {
			const address = Number(BigInt.asIntN(64, BigInt(`0xffffffff${low}`)));
			symbols.want(address);
			symbols.resolve();
			expect(symbols.of(address)).toBe(name);
		}
		expect(of).toHaveBeenCalledTimes(1);
	} finally {
		of.mockRestore();
		rmSync(folder, { recursive: true });
	}
});

describe('the table of reasons', () => {
	test('has a row for every kind, and texts for every row', () => {
		for (const kind of EVENT_KINDS) expect(reasonOf(kind, 'NO_SUCH_REASON').meaning).not.toBe('');
		for (const { reason } of reasonTable()) {
			expect(reason.meaning.length).toBeGreaterThan(10);
			expect(reason.advice.length).toBeGreaterThan(3);
		}
	});

	test('normal reasons are hidden; options change that', () => {
		const hidden = new HiddenReasons(['NO_SOCKET', 'drop:NETFILTER_DROP', 'link:*'], ['drop:TCP_OLD_DATA'], false);
		expect(hidden.has('drop', 'SOCKET_RCVBUFF')).toBe(false);
		expect(hidden.has('drop', 'SOCKET_CLOSE')).toBe(true);
		expect(hidden.has('drop', 'TCP_OLD_DATA')).toBe(false);
		expect(hidden.has('drop', 'NO_SOCKET')).toBe(true);
		expect(hidden.has('drop', 'NETFILTER_DROP')).toBe(true);
		expect(hidden.has('link', 'UP')).toBe(true);
		expect(new HiddenReasons([], [], true).has('drop', 'SOCKET_CLOSE')).toBe(false);
		expect(invalidReasons('NO_SOCKET, drop:X, link:*')).toBeUndefined();
		expect(invalidReasons('nokind:X')).toContain("no kind of event 'nokind'");
		expect(invalidReasons('a b')).toContain("'a b'");
		for (const text of ['drop:NO_SOCKET:X', ':X', 'drop:', '*', 'drop:X,:Y'])
			expect(invalidReasons(text)).toMatch(/is not REASON/);
	});

	test('every slot of the kernel has a kind and a reason', () => {
		expect(ofSlot(3)).toEqual({ kind: 'drop', reason: 3 });
		expect(ofSlot(256 + 33)).toEqual({ kind: 'drop', reason: 0x20001 });
		const kinds = new Set(Array.from({ length: SLOTS }, (_, slot) => ofSlot(slot).kind));
		expect(kinds.size).toBe(17);
	});
});
