import { render } from 'ink-testing-library';
import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { textWidth } from '../../src/lib/width.ts';
import { defaultKeymap } from '../../src/options/keymap.ts';
import { rules } from '../../src/tracers/overview/rules.ts';
import { clipboardSequence, rowText } from '../../src/ui/frame/clipboard.ts';
import { ErrorBoundary } from '../../src/ui/frame/error-boundary.tsx';
import { Footer, type FooterProps } from '../../src/ui/frame/footer.tsx';
import { helpLines } from '../../src/ui/frame/help.tsx';
import { type HintContext, hintSpans } from '../../src/ui/frame/hints.ts';
import { costOf } from '../../src/ui/frame/own-cost.ts';
import { lineOf } from '../../src/ui/widgets/line.ts';
import { someColumns } from './fixtures/columns.ts';
import { energySnapshot } from './fixtures/energy.ts';
import { fixtureTabs } from './fixtures/tabs.ts';
import { plain } from './plain.ts';

const columns = someColumns;

describe('help and footer', () => {
	test('the overview explains when something is a finding', async () => {
		const { tracer } = fixtureTabs[0] as (typeof fixtureTabs)[0];
		const text = helpLines(tracer, tracer.columns, defaultKeymap, 120, [], await tracer.terms?.())
			.map((line) => plain(line))
			.join(' ')
			.replace(/ +/g, ' ');
		for (const { title, help } of rules) expect(text).toContain(`${title} ${help}`.replace(/ +/g, ' '));
		expect(text).toContain('A B C D E');
	});

	test('help has every key and every column', () => {
		for (const { tracer } of fixtureTabs) {
			const lines = helpLines(tracer, tracer.columns, defaultKeymap, 80).map(plain);
			const text = lines.join(' ').replace(/ +/g, ' ');
			for (const { help } of [...defaultKeymap.bindings, ...tracer.columns])
				expect(text).toContain(help.replace(/ +/g, ' '));
			for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(80);
		}
	});

	const table: HintContext = { kind: 'table', groups: 3, views: 2, hasDetail: true };

	test('hints are of keys that do something here, as many as fit', () => {
		const hints = (context: Partial<HintContext>, width = 80) =>
			plain(lineOf(width, hintSpans(defaultKeymap, { ...table, ...context }, width)));
		expect(hints({})).toBe('?Help  qQuit  /Filter  sSort  SpacePause  EnterDetail  tGroup  vView  rReverse  ');
		expect(hints({ groups: 1, views: 0, hasDetail: false })).not.toMatch(/Group|View|Detail/);
		expect(hints({ kind: 'detail' })).toMatch(/^EscBack {2}\?Help .*sSort/);
		expect(hints({ kind: 'lens' }, 200)).toMatch(/^EscBack {2}\?Help {2}qQuit {2}SpacePause .*\[Past/);
		expect(hints({ kind: 'lens' }, 200)).not.toMatch(/Sort|Filter|Group|View|Detail/);
		expect(hints({ kind: 'overlay' })).toBe('EscBack  ?Help  qQuit  ');
		expect(hints({}, 20)).toBe('?Help  qQuit  ');
	});

	const footer = (props: Partial<FooterProps>) =>
		plain(
			render(
				<Footer
					losses={[]}
					cost={{
						bpf: 0.0012,
						uncertainty: 0.08,
						age: 130,
						cpu: 0.014,
						incomplete: false,
						rssBytes: 80 * 2 ** 20,
						kernelBytes: 19 * 2 ** 20,
						recorded: null,
						step: null,
					}}
					selected={-1}
					rows={31}
					filter=""
					ignored={[]}
					prompt={null}
					message={null}
					keymap={defaultKeymap}
					hints={table}
					width={80}
					height={2}
					{...props}
				/>,
			).lastFrame(),
		);

	test('lost by cause, or lost 0', () => {
		expect(footer({ width: 82 })).toMatch(/31 rows {2}lost 0 .*BPF 0\.1% CPU 1\.4% RSS 80\.0MiB kernel 19\.0MiB/);
		expect(footer({ width: 120 })).toMatch(
			/own cost: BPF 0\.1% ±8\.0% \(2m10s old\) CPU 1\.4% RSS 80\.0MiB kernel 19\.0MiB/,
		);
		const unknown = {
			bpf: null,
			incomplete: false,
			uncertainty: null,
			age: null,
			cpu: 0.014,
			rssBytes: 80 * 2 ** 20,
			kernelBytes: null,
			recorded: null,
			step: null,
		};
		expect(footer({ width: 120, cost: unknown })).toContain('own cost: BPF ? (not measured) CPU 1.4%');
		const recorder = { ...unknown, recorded: 2048, step: 5e9 };
		expect(footer({ width: 120, cost: recorder })).toContain('CPU 1.4% every 5.00s RSS 80.0MiB disk 2.00K/s');
		expect(footer({ losses: [['ring', 12]], width: 100 })).toContain('lost ring 12 ');
	});

	test('a tab without prices does not hide the cost of the others', () => {
		const tab = (bpf_ns: number | null) =>
			({
				dt_ns: 1e9,
				cost: { bpf_ns, bpf_uncertainty: 0.1, bpf_price_age_ns: 5e9, cpu_ns: 1e7, rss_bytes: 2 ** 20, kernel_bytes: 0 },
			}) as unknown as Snapshot;
		const partly = costOf([tab(1e6), tab(null), undefined, tab(2e6)]);
		expect(partly).toMatchObject({ bpf: 0.003, incomplete: true, uncertainty: null, age: 5 });
		expect(footer({ width: 120, cost: partly })).toContain('own cost: BPF ≥0.3% (rest not measured yet) CPU 1.0%');
		expect(footer({ height: 1, width: 40, cost: partly })).toMatch(/own ≥1\.3%$/);
		expect(costOf([tab(1e6), tab(0)])).toMatchObject({ bpf: 0.001, incomplete: false });
		expect(costOf([tab(null)])).toMatchObject({ bpf: null, incomplete: false });
	});

	test('80 columns: losses and own cost both stay, whatever was lost', () => {
		const unknown = ['process_unknown', 254] as const;
		expect(footer({ losses: [unknown] })).toMatch(
			/31 rows {2}lost process_unknown 254 .*own .*BPF 0\.1% CPU 1\.4% .*80\.0M/,
		);
		expect(footer({ losses: [unknown, ['ring', 100_000], ['map_full', 12_345_678]] })).toMatch(
			/lost 12\.4M .*BPF 0\.1% CPU 1\.4%/,
		);
		expect(footer({ losses: [unknown], width: 46 })).toMatch(/lost 254 .*BPF/);
	});

	test('one line, or a prompt: losses and cost at the right edge, losses only if there are any', () => {
		const losses = [['ring', 12]] as const;
		expect(footer({ height: 1, width: 40 })).toMatch(/^\?Help.* own 1\.5%$/);
		expect(footer({ height: 1, width: 40, losses })).toMatch(/^\?Help.* lost 12 {2}own 1\.5%$/);
		expect(footer({ height: 1, width: 24, losses })).toMatch(/^\?Help.* lost 12$/);
		expect(footer({ height: 1, width: 24, losses, message: 'as long as the line and longer' })).toMatch(/ lost 12$/);
		const input = { text: 'comm ~ "a name that is long"', caret: 28 };
		for (const kind of ['filter', 'search'] as const) {
			const prompt = { kind, input, error: null, candidates: [] };
			expect(footer({ prompt, losses }).split('\n')[0]).toMatch(/that is long" {2,}lost 12 {2}own 1\.5%$/);
			expect(footer({ prompt, losses, height: 1, width: 30 })).toMatch(/that is long" +lost 12$/);
			expect(footer({ prompt, height: 1, width: 30 })).not.toContain('lost');
		}
	});
});

function Bad(): never {
	throw new Error('broken \x1b[31m');
}

test('a component that throws shows its error in its place, inert', () => {
	const frame = plain(
		render(
			<ErrorBoundary width={60} height={8}>
				<Bad />
			</ErrorBoundary>,
		).lastFrame(),
	);
	expect(frame).toContain('this tab failed');
	expect(frame).toContain('broken ^[[31m');
});

test('a copied row ends no sequence early', () => {
	const text = rowText(columns as never, energySnapshot(0).rows[11] as never, 1);
	expect(text).toContain('COMMAND evil^[]0;x^G');
	expect(clipboardSequence(text)).toMatch(/^\x1b\]52;c;[A-Za-z0-9+/=]+\x07$/);
});
