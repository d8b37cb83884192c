/** THE list of commands: a line each. Usage, help and the checks of options follow from it. */
import { agent } from './agent/command.ts';
import { batch } from './batch/command.ts';
import { captures } from './captures/command.ts';
import type { Command } from './command.ts';
import { compare } from './compare/command.ts';
import { doctor } from './doctor/command.ts';
import { exportCommand } from './export/command.ts';
import { fleet } from './fleet/command.ts';
import { guest } from './guest/command.ts';
import { live } from './live/command.ts';
import { measure } from './measure/command.ts';
import { profile } from './profile/command.ts';
import { record } from './record/command.ts';
import { replay } from './replay/command.ts';
import { report } from './report/command.ts';
import { serve } from './serve/command.ts';
import { slices } from './slices/command.ts';
import { triage } from './triage/command.ts';
import { version } from './version/command.ts';

export const commands: readonly Command[] = [
	live,
	batch,
	record,
	replay,
	exportCommand,
	captures,
	compare,
	guest,
	profile,
	doctor,
	measure,
	slices,
	triage,
	report,
	serve,
	fleet,
	agent,
	version,
];
