/** Waits for locks of the kernel (bpf/profile/profile-locks.bpf.c), named as far as the kernel's symbols and callers say. */
import { HashReader } from '../../bpf/hash-reader.ts';
import type { Host } from '../../core/tracer.ts';
import { constants, lock_flags, type lock_owner, type lock_owner_key, maps } from '../../generated/profile-locks.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { ProfileBuilder } from './builder.ts';
import { kernelStackOf } from './clocks.ts';
import { Collector, type Target } from './collector.ts';
import type { ProcessNames } from './names.ts';

const OWNERS = maps.owners.entries;
/** Owners whose stack is remembered. */
const MAX_STACKS = 512;

/** Functions that take locks: the first one below them is the one that wanted it. */
const primitives =
	/^(bpf_|__bpf|__traceiter_|trace_|__?mutex_|mutex_|rwsem_|down_|__down|up_|_raw_|native_queued|queued_|__pv_|pv_|percpu_|__percpu|rt_mutex|rtlock|__rt_|lock_sock_nested|_?spin_|do_raw_|osq_)/;

interface Owner {
	pid: number;
	tid: number;
	comm: SafeText;
	ns: number;
	/** Kernel functions, innermost first. */
	stack: readonly SafeText[];
}

/** What the kernel says of a lock. */
interface Known {
	flags: number;
	/** Slab cache of the object that it is in; empty: none. */
	cache: SafeText;
}

const UNKNOWN: Known = { flags: 0, cache: safe`` };

export class Locks {
	readonly collector: Collector;
	private readonly procRoot: string;
	private readonly owners: HashReader<lock_owner_key, lock_owner>;
	private readonly counts = new Map<string, number>();
	/** Kernel functions of owners while others waited, by tid. */
	private readonly stacks = new Map<number, readonly SafeText[]>();

	/** @throws {Unavailable} */
	constructor(host: Host, target: Target, unwind: boolean) {
		this.procRoot = host.procRoot;
		const has = (name: string) => host.addon.hasType('func', name);
		this.collector = new Collector(host, 'profile-locks', target, {
			layout: constants,
			constants: {
				has_task_from_pid: has('bpf_task_from_pid') && has('bpf_task_release') ? 1 : 0,
				has_kmem_cache: has('bpf_get_kmem_cache') ? 1 : 0,
			},
			shards: [maps.spins.name],
			copies: unwind,
		});
		this.owners = new HashReader(this.collector.bpf, maps.owners, OWNERS);
	}

	/** Remember where owners are that others wait for now. */
	sampleOwners(): void {
		for (const { key, value } of this.owners.entries()) {
			if (key.owner_tid === 0) continue;
			const id = `${key.lock} ${key.owner_tid}`;
			const grown = value.count !== this.counts.get(id);
			this.counts.set(id, value.count);
			if (!grown || (this.stacks.size >= MAX_STACKS && !this.stacks.has(key.owner_tid))) continue;
			const stack = kernelStackOf(this.procRoot, key.owner_tgid, key.owner_tid);
			if (stack.length > 0) this.stacks.set(key.owner_tid, stack);
		}
	}

	addTo(builder: ProfileBuilder, names: ProcessNames): void {
		const known = new Map<number, Known>();
		const owners = new Map<number, Owner>();
		for (const { key, value } of this.owners.entries()) {
			const cache = sanitize(value.cache);
			known.set(key.lock, { flags: value.flags, cache: cache === '' ? (known.get(key.lock)?.cache ?? cache) : cache });
			if (key.owner_tid === 0 || value.ns <= (owners.get(key.lock)?.ns ?? 0)) continue;
			owners.set(key.lock, {
				pid: key.owner_tgid,
				tid: key.owner_tid,
				comm: sanitize(value.comm),
				ns: value.ns,
				stack: builder.kernelNames(this.collector.frames(key.owner_stack)),
			});
		}
		for (const { key, space, count, ns, comm, user, kernel, end } of this.collector.entries()) {
			const thread = sanitize(comm);
			const owner = owners.get(key.kind);
			// one that ran when the wait began has no stack there; it may have slept later
			const stack = owner && (owner.stack.length > 0 ? owner.stack : (this.stacks.get(owner.tid) ?? []));
			const [holds] = stack ?? [];
			builder.add({
				pid: key.tgid,
				tid: key.tid,
				thread,
				comm: names.of(key.tgid) ?? thread,
				state: 'lock',
				space,
				user,
				kernel,
				end,
				count,
				ns,
				lock: this.nameOf(builder, key.kind, known.get(key.kind), kernel),
				...(owner && {
					owner: holds ? safe`${owner.comm}[${owner.pid}] in ${holds}` : safe`${owner.comm}[${owner.pid}]`,
					ownerStack: stack ?? [],
				}),
			});
		}
	}

	/** A lock of its own has a symbol; one in an object is named by the object's slab cache and the function that wanted it. */
	private nameOf(
		builder: ProfileBuilder,
		address: number,
		{ flags, cache }: Known = UNKNOWN,
		kernel: readonly number[] | null,
	): SafeText {
		const kind = kindOf(flags);
		const symbol = builder.kernelSymbol(address);
		if (symbol !== undefined) return safe`${kind} ${symbol}`;
		const caller = builder.kernelNames(kernel).find((name) => !primitives.test(name));
		const object = cache === '' ? safe`` : safe` of ${cache}`;
		return caller === undefined ? safe`${kind}${object}` : safe`${kind}${object} in ${caller}`;
	}
}

function kindOf(flags: number): SafeText {
	if (flags & lock_flags.LOCK_MUTEX) return safe`mutex`;
	if (flags & lock_flags.LOCK_PERCPU) return safe`percpu rwsem`;
	if (flags & lock_flags.LOCK_RT) return safe`rtmutex`;
	const rw = flags & lock_flags.LOCK_READ ? safe`(read)` : flags & lock_flags.LOCK_WRITE ? safe`(write)` : safe``;
	if (flags & lock_flags.LOCK_SPIN) return rw === '' ? safe`spinlock` : safe`rwlock ${rw}`;
	return rw === '' ? safe`lock` : safe`rwsem ${rw}`;
}
