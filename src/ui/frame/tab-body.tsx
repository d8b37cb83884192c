/** The tab in front, or why it is not there. */
import type { ReactElement } from 'react';
import type { TabStatus } from '../../store.ts';
import type { TabView } from '../tab.ts';
import { Notice } from '../widgets/notice.tsx';

interface TabBodyProps {
	view: Pick<TabView<never, object>, 'View'> | Error | null;
	status: TabStatus;
	summary: string;
	width: number;
	height: number;
	/** undefined: there is nothing to draw yet. */
	children: (view: TabView<never, object>['View']) => ReactElement | undefined;
}

export function TabBody({ view, status, summary, width, height, children }: TabBodyProps): ReactElement {
	if (view instanceof Error) throw view;
	if (status.kind === 'unavailable') {
		return (
			<Notice tone="bad" title={`unavailable: ${status.reason}`} text={[status.fix]} width={width} height={height} />
		);
	}
	const shown = view ? children(view.View) : undefined;
	if (shown) return shown;
	return (
		<Notice
			tone="warn"
			title={status.kind === 'live' ? 'attached; the first figures come after one interval' : 'attaching…'}
			text={[summary]}
			width={width}
			height={height}
		/>
	);
}
