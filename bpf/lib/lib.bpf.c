// SPDX-License-Identifier: GPL-2.0
/*
 * Never loaded. The build takes from this object the enums and structs that user space shares with the headers of this
 * folder, once for all tracers: src/generated/lib.ts.
 */
#include "lib/core.bpf.h"
#include "lib/hist.bpf.h"
#include "lib/keyed-store.bpf.h"
#include "lib/latency.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/run-delay.bpf.h"
#include "lib/task-filter.bpf.h"
#include "lib/walk.bpf.h"

NAMES(task_name);
NAMES(hist_range);
NAMES(latency_histogram);
NAMES(task_filter);
NAMES(task_filter_setting);
NAMES(walk_result);
RECORD(store_entry);
RECORD(store_writer);
