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
