/** A tab that throws shows its error in its own area; the others continue. */
import { Component, type ReactElement, type ReactNode } from 'react';
import { stackLines } from '../../core/stack.ts';
import { Notice } from '../widgets/notice.tsx';

interface Props {
	width: number;
	height: number;
	children: ReactNode;
}

export class ErrorBoundary extends Component<Props, { error: unknown }> {
	override state: { error: unknown } = { error: null };

	static getDerivedStateFromError(error: unknown): { error: unknown } {
		return { error };
	}

	override render(): ReactNode {
		const { error } = this.state;
		if (error === null) return this.props.children;
		return <Failure error={error} width={this.props.width} height={this.props.height} />;
	}
}

/** For code of a tab that is called outside of its boundary: its error is returned, to be thrown within. */
export function attempt<T>(call: () => T): T | Error {
	try {
		return call();
	} catch (error) {
		return error instanceof Error ? error : new Error(String(error));
	}
}

function Failure({ error, width, height }: { error: unknown; width: number; height: number }): ReactElement {
	return (
		<Notice
			tone="bad"
			title="this tab failed; the others work"
			text={stackLines(error).slice(0, 4)}
			width={width}
			height={height}
		/>
	);
}
