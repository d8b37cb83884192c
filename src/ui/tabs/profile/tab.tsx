/** Profile of the process or group in focus: a call tree, functions, or single stacks. */

import type { Span } from '../../../term/theme.ts';
import type { ProfileExtra, ProfileRow } from '../../../tracers/profile/snapshot.ts';
import type { HelpSection, TabContent, TabProps, TabView } from '../../tab.ts';
import { SpanLines } from '../../widgets/lines.tsx';
import { summaryLines } from '../../widgets/panes.tsx';
import { functionList } from './functions.tsx';
import { headOf } from './head.ts';
import { treeList } from './tree.tsx';

/** The frames of one stack, outermost first. */
function content(props: TabProps<ProfileRow, ProfileExtra>): TabContent<ProfileRow> {
	const { snapshot } = props;
	return {
		title: 'Profile › stacks',
		head: summaryLines(headOf(snapshot, props.recorded), { ...props, height: props.height + 8 }),
		empty: `no ${snapshot.mode === 'on-cpu' ? 'sample' : 'wait'} yet`,
		pane: {
			rows: 10,
			least: 4,
			below: true,
			draw: (area, row) => {
				const frames = (row?.frames ?? []).toReversed();
				const lines: Span[][] = frames.map((frame, at) => [at === 0 ? frame : (['dim', frame] as const)]);
				const owner = row?.owner_stack ?? [];
				if (row?.lock !== undefined) lines.unshift([['dim', 'waits for '], row.lock]);
				if (row?.owner !== undefined) lines.push([['dim', 'held by '], row.owner]);
				for (const name of owner) lines.push([['dim', `  ${name}`]]);
				return <SpanLines lines={lines} width={area.width} height={area.height} />;
			},
		},
	};
}

const help: readonly HelpSection[] = [
	{
		title: 'Profile – terms',
		entries: [
			['p', 'on a row of any tab, or in the view of a process: profile that process, thread, group or command'],
			['m', 'the next kind of profile: running code, waits, both, or locks; it begins anew'],
			['v', 'call tree with icicle, functions, single stacks'],
			['Enter', 'the selected function fills the width; Esc: back'],
			['U', 'unwind stacks without frame pointers, for 10 s, by the tables (.eh_frame) of programs and libraries'],
			['t', 'stacks by process or by thread'],
			['b', 'compare with the profile of this moment: Δ'],
			['cut', 'a stack that ends before the function that started the program: code without frame pointers'],
		],
	},
];

export const profileTab: TabView<ProfileRow, ProfileExtra> = {
	content,
	nameOf: (row) => row.function,
	views: ['tree', 'functions', 'stacks'],
	lists: { tree: treeList, functions: functionList } as never,
	help,
};
