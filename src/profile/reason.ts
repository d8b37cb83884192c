/** Why a thread was blocked, by the kernel functions on its stack. */
import type { State } from './model.ts';

const rules: readonly (readonly [RegExp, State])[] = [
	[/^(futex_wait|futex_lock_pi|__futex_wait|futex_wait_requeue_pi|futex_do_wait)/, 'futex'],
	[
		/^(io_schedule|wait_on_page|folio_wait|wait_for_completion_io|blk_mq_get_tag|rq_qos_wait|wbt_wait|submit_bio_wait|__wait_on_buffer|__blkdev_|io_cqring_wait|read_events|do_io_getevents|jbd2_log_wait_commit|jbd2_complete_transaction|xlog_wait|xfs_log_force|btrfs_wait_ordered|filemap_fdatawait)/,
		'disk IO',
	],
	[
		/^(handle_mm_fault|do_swap_page|swap_readpage|try_to_free_pages|shrink_|do_try_to_free_pages|__alloc_pages_slowpath|mem_cgroup_handle_over_high|throttle_direct_reclaim|compact_zone|userfaultfd|handle_userfault|balance_dirty_pages)/,
		'memory',
	],
	[
		/^(__?mutex_lock|mutex_lock|rwsem_down|down_read|down_write|__down|rt_mutex|rtlock|rt_spin_lock|percpu_down|percpu_rwsem|__percpu_|wait_for_completion|flock_lock_inode_wait|posix_lock_inode_wait|do_lock_file_wait|fcntl_setlk|__wait_on_bit_lock)/,
		'lock',
	],
	[/^(do_?_?e?poll|ep_poll|do_epoll|do_sys_poll|do_poll|do_select|core_sys_select|poll_schedule_timeout)/, 'poll'],
	[
		/^(pipe_|anon_pipe_|unix_|sk_wait|inet_csk_|tcp_|udp_|__skb_wait|__skb_recv|skb_wait|sock_|wait_for_packet|inet_|vsock_|netlink_|tty_|n_tty|eventfd_|fifo_open|wait_for_partner)/,
		'pipe or socket',
	],
	[
		/^(hrtimer_nanosleep|do_nanosleep|common_nsleep|clock_nanosleep|msleep|usleep|do_sigtimedwait|sigsuspend|do_wait|do_pause|__x64_sys_pause|__do_sys_pause)/,
		'sleep',
	],
];

/**
 * @param kernel names of the kernel frames, innermost first. A page fault within a read is a read; a lock within a page
 * fault is a lock: the innermost function that says something decides, except that IO and locks that are reached from a
 * fault or reclaim are memory's.
 */
export function reasonOf(kernel: readonly string[]): State {
	for (const name of kernel) {
		const found = rules.find(([pattern]) => pattern.test(name));
		if (!found) continue;
		const [, state] = found;
		// swapping in waits for a disk, but what is short is memory
		if (
			state === 'disk IO' &&
			kernel.some((one) => /^(do_swap_page|swap_readpage|shrink_|try_to_free_pages|balance_dirty_pages)/.test(one))
		)
			return 'memory';
		return state;
	}
	return 'other wait';
}

/** Functions of the kernel between a wait and the thread's own program. */
export const SCHEDULER =
	/^(__?schedule|schedule_|io_schedule|__(x64|se|do|arm64)_sys_futex|futex_|__futex_|do_futex|hrtimer_|do_nanosleep|finish_task_switch|wait_woken|prepare_to_)/;

/** The way of a system call or interrupt into the kernel: on every stack, and no cause. */
export function isKernelEntry(name: string): boolean {
	return /^(entry_SYSCALL|do_syscall_|x64_sys_call|__do_fast_syscall|do_fast_syscall|el0_|el0t_|do_el0_|invoke_syscall|asm_|irqentry_|ret_from_)/.test(
		name,
	);
}

/** Libraries whose functions wait for others. */
const LIBRARIES = /^(libc[.-]|libpthread|ld-|libstdc\+\+|libgcc|libuv|\[vdso\])/;
/** Functions of programs by which all of their code waits: locks of PostgreSQL, InnoDB and the like, runtimes. */
const WAITERS =
	/^(pthread_|__pthread_|sem_|syscall$|epoll_|poll$|select$|WaitEventSetWait|WaitLatch|ProcSleep|ProcWaitForSignal|LockAcquire|LWLock|PGSemaphore|s_lock$|os_event|sync_array_|lock_wait_|std::|__gthread_|parking_lot|absl::|AbslInternal|folly::|tokio::runtime|uv_|runtime\.(gopark|futex|note|mcall|park_m|schedule|findRunnable|stopm|mPark|sema|lock|mstart|mstart0|mstart1|sysmon|exitsyscall|goexit0|goschedImpl))/;

/** Is it a function through which many others wait, and no cause of its own? */
export function isWaiting(name: string, module: string): boolean {
	return LIBRARIES.test(module) || WAITERS.test(name);
}

/** Functions in which programs wait for locks of their own, of which the kernel sees a poll or a semaphore. */
const PROGRAM_LOCK =
	/^(ProcSleep|LWLockAcquire|LWLockAcquireOrWait|LWLockWaitForVar|lock_wait_suspend_thread|PGSemaphoreLock)$/;

/** A wait for a lock that the program keeps itself, by its functions; undefined: it is none. */
export function isProgramLock(user: readonly string[]): boolean {
	return user.some((name) => PROGRAM_LOCK.test(name));
}
