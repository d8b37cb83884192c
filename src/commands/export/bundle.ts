/** One file that `replay` shows anywhere: the recording, its marks, a manifest with hashes. */
import { sanitize } from '../../lib/sanitize.ts';
import { MARKS } from '../../recording/archive.ts';
import { inBundle, packBundle } from '../../recording/bundle.ts';
import { triageFile } from '../../recording/capture.ts';
import { segmentName } from '../../recording/folder.ts';
import { segmentOf } from '../../recording/segment-bytes.ts';
import { TriageWindow } from '../../tracers/overview/triage.ts';
import type { Exporter } from './exporter.ts';

export const bundle: Exporter = async function* ({ machine, tracers, snapshots, marks, line, version }) {
	let [from, to] = ['', ''];
	const triage = new TriageWindow();
	async function* watched() {
		for await (const snapshot of snapshots) {
			if (from === '') from = snapshot.time;
			to = snapshot.time;
			triage.add(snapshot);
			yield snapshot;
		}
	}
	const boot = machine.boot === '' ? '0'.repeat(32) : machine.boot;
	const facts = { ...machine, boot: sanitize(boot), version: sanitize(version), step: line.delay };
	const segment = await segmentOf(
		facts,
		tracers.map(({ id }) => id),
		watched(),
	);
	const text = marks.map((mark) => `${JSON.stringify(mark)}\n`).join('');
	const name = segmentName('seg', Date.parse(from), /^[0-9a-f]{8}/.test(boot) ? boot : '0'.repeat(8), 1);
	const { host, kernel } = machine;
	const files = [
		...triageFile(triage.text(host)),
		{ name: inBundle(name), bytes: segment },
		...(text === '' ? [] : [{ name: MARKS, bytes: Buffer.from(text) }]),
	];
	const about = { version, host, kernel, written: new Date().toISOString(), from, to, cause: 'export' };
	yield packBundle({ ...about, redacted: line.values['redact'] === true }, files).bytes;
};
