/** What a blocked task waits for, by the functions of its kernel stack, innermost first. Data only. */
import { type SafeText, safe } from '../../../lib/sanitize.ts';

/** How the chain goes on. */
export type WaitKind =
	| 'journal'
	| 'frozen'
	| 'disk'
	| 'network-fs'
	| 'lock'
	| 'child'
	| 'work'
	| 'rcu'
	| 'memory'
	| 'fuse';

export interface Wait {
	kind: WaitKind;
	/** Reason of the event `blocked`. */
	reason: SafeText;
	words: SafeText;
}

const WAITS: readonly (readonly [functions: RegExp, wait: Wait])[] = [
	[
		/^(rpc_wait_bit|nfs\d?_|__nfs|ceph_|cifs_|smb2_|SMB2_|v9fs_|p9_)/,
		{ kind: 'network-fs', reason: safe`NETWORK_FS`, words: safe`a server of a network file system` },
	],
	[
		/^(fuse_|request_wait_answer)/,
		{ kind: 'fuse', reason: safe`FUSE`, words: safe`the program behind a FUSE file system` },
	],
	[
		/^(sb_start_write|__sb_start_write|sb_start_pagefault|sb_start_intwrite|ext4_journal_check_start|mnt_want_write|file_start_write|vfs_write_frozen)/,
		{ kind: 'frozen', reason: safe`FROZEN_FS`, words: safe`a frozen file system` },
	],
	[
		/^(jbd2_log_wait_commit|jbd2_complete_transaction|wait_transaction_locked|add_transaction_credits|jbd2_journal_lock_updates|jbd2_log_do_checkpoint|__jbd2_log_wait_for_space)/,
		{ kind: 'journal', reason: safe`JOURNAL`, words: safe`the journal of its file system` },
	],
	[
		/^(xlog_wait|xfs_log_force|xlog_grant_head_wait|xfs_ail_push)/,
		{ kind: 'disk', reason: safe`JOURNAL`, words: safe`the log of XFS` },
	],
	[
		/^(btrfs_wait|wait_current_trans|btrfs_commit_transaction)/,
		{ kind: 'disk', reason: safe`JOURNAL`, words: safe`a transaction of btrfs` },
	],
	[
		/^(shrink_|try_to_free_pages|mem_cgroup_handle_over_high|mem_cgroup_oom|throttle_direct_reclaim|reclaim_throttle|balance_dirty_pages)/,
		{ kind: 'memory', reason: safe`MEMORY`, words: safe`memory to be freed or written back` },
	],
	[
		/^(blk_mq_get_tag|blk_mq_freeze|__bio_queue_enter|blk_queue_enter|submit_bio_wait|blk_execute_rq|bit_wait_io|folio_wait_bit|folio_wait_writeback|wait_on_page_bit|wait_on_buffer|__wait_on_buffer|io_schedule|do_blockdev_direct_IO|__iomap_dio_rw|iomap_dio|blkdev_|wbt_wait|rq_qos_wait|dm_|md_|raid\d)/,
		{ kind: 'disk', reason: safe`DISK`, words: safe`a disk` },
	],
	[/^(wait_for_vfork_done)/, { kind: 'child', reason: safe`VFORK`, words: safe`its child after vfork()` }],
	[
		/^(__?synchronize_rcu|synchronize_srcu|synchronize_net|wait_rcu_gp|__wait_rcu_gp|rcu_barrier)/,
		{ kind: 'rcu', reason: safe`RCU`, words: safe`a grace period of RCU` },
	],
	[
		/^(__flush_work|flush_work|__flush_workqueue|cancel_work_sync|kthread_stop)/,
		{ kind: 'work', reason: safe`WORK`, words: safe`work of the kernel` },
	],
	[
		/^(__mutex_lock|mutex_lock|__down|down_|rwsem_down_|percpu_rwsem_wait|__percpu_down|lock_page|__folio_lock)/,
		{ kind: 'lock', reason: safe`LOCK`, words: safe`a lock of the kernel` },
	],
];

const FROZEN = WAITS.find(([, { kind }]) => kind === 'frozen')?.[1] as Wait;
/** In either order, and either may be missing: kernels differ. */
const PERCPU_LOCK = /^(?:__)?percpu_(?:rwsem_wait|down_read)/;
const FILE_CALLS =
	/^(vfs_|ksys_|do_sys_|do_(?:mk|unlink|rm|link|symlink|rename|fallocate|truncate|splice)|mnt_want|filename_|open_|path_|file_|iter_file|iomap_|aio_|io_write|io_issue|ext4_|xfs_|btrfs_|f2fs_|__x64_sys_|__arm64_sys_)/;

/** The innermost function that names the awaited object; a lock or IO counts only where no outer function is more specific. */
export function waitOf(stack: readonly string[]): Wait | undefined {
	// the lock of a frozen file system is taken in functions that the compiler has put into their callers
	const outside = stack.findIndex((name) => !PERCPU_LOCK.test(name));
	if (outside > 0 && FILE_CALLS.test(stack[outside] as string)) return FROZEN;
	let general: Wait | undefined;
	for (const name of stack) {
		const wait = WAITS.find(([functions]) => functions.test(name))?.[1];
		if (!wait) continue;
		if (wait.kind !== 'lock' && wait.kind !== 'disk') return wait;
		general ??= wait;
	}
	return general;
}
