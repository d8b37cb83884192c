/** One run of `serve`, whatever its source of snapshots. */
import { systemReason } from '../../core/errors.ts';
import type { Sampler } from '../../core/sampler.ts';
import type { Options } from '../../core/tracer.ts';
import { Exporter, FORMATS } from '../../export/exporter.ts';
import { isLoopback, parseListen, urlOf } from '../../export/listen.ts';
import { LivePage } from '../../export/live-page.ts';
import type { Identity } from '../../export/mapping.ts';
import { negotiate } from '../../export/negotiate.ts';
import { type Listening, listen } from '../../export/server.ts';
import { TEXT } from '../../export/text.ts';
import { writeTextfile } from '../../export/textfile.ts';
import { sanitize } from '../../lib/sanitize.ts';

export interface ServeOptions {
	identity: Identity;
	values: Options;
	stop: AbortSignal;
	/** A line for its user. */
	report(text: string): void;
	/** Tabs that measure: without any of them there is nothing to serve. */
	measuring: readonly string[];
	/** Online CPUs; absent: not known. */
	cpus?: number;
	/** Exit code for that. */
	unavailable: number;
	/** By default this process's. */
	env?: Readonly<Record<string, string | undefined>>;
	/** Pauses after failed pushes, ms. */
	pauses?: { first: number; longest: number };
}

/** The textfile; a failure is reported once, until a write succeeds again. */
function textfileWriter(path: string, report: (text: string) => void): (text: string) => Promise<void> {
	let failed = false;
	let busy = false;
	return async (text) => {
		if (busy) return;
		busy = true;
		try {
			await writeTextfile(path, text);
			if (failed) report(`--textfile ${path}: written again`);
			failed = false;
		} catch (error) {
			if (!failed) report(`--textfile ${path}: ${systemReason(error)}; tried again with each interval`);
			failed = true;
		} finally {
			busy = false;
		}
	};
}

/** Resolves with the exit code. */
export async function runServe(sampler: Sampler, options: ServeOptions): Promise<number> {
	const { identity, values, stop, report, measuring } = options;
	const exporter = new Exporter({
		...identity,
		series: Number(values['series']),
		groups: { most: Number(values['top']) },
	});
	const failed = new Set<string>();
	const ended = new Promise<number>((resolve) => {
		stop.addEventListener('abort', () => resolve(0), { once: true });
		sampler.subscribe((event) => {
			exporter.apply(event);
			if (event.kind === 'live') failed.delete(event.tab);
			if (event.kind === 'unavailable') {
				report(`${event.tab}: ${event.reason}; ${event.fix}`);
				failed.add(event.tab);
				if (measuring.every((tab) => failed.has(tab))) resolve(options.unavailable);
			}
			if (event.kind === 'worker-failed') {
				report(`sampling failed: ${event.message}${event.restarting ? '; restarting it once' : ''}`);
				if (!event.restarting) resolve(1);
			}
		});
	});
	const textfile = String(values['textfile']);
	if (textfile !== '') {
		const write = textfileWriter(textfile, report);
		exporter.onTick((events) => {
			if (events.some(({ kind }) => kind === 'snapshot')) void write(exporter.text(TEXT));
		});
	}
	const [otlp, bulk] = [String(values['otlp'] ?? ''), String(values['bulk'] ?? '')];
	// loaded only where something is pushed
	const pushing = otlp === '' && bulk === '' ? undefined : (await import('../../export/push/push.ts')).startPush;
	const push = pushing?.({
		otlp,
		bulk,
		bulkAuth: String(values['bulk-auth'] ?? ''),
		ca: String(values['ca'] ?? ''),
		env: options.env ?? process.env,
		identity,
		exporter,
		report,
		...(options.pauses && { pauses: options.pauses }),
	});
	let listening: Listening | undefined;
	if (values['listen'] !== 'none') {
		const address = parseListen(String(values['listen']));
		const page = new LivePage({
			...identity,
			host: sanitize(identity.host),
			kernel: sanitize(identity.kernel),
			cpus: options.cpus ?? 0,
		});
		exporter.onTick((events) => page.take(events));
		listening = await listen(address, {
			...page.routes(),
			'/metrics': ({ headers }) => {
				const type = negotiate(headers.accept, FORMATS);
				return { type, body: exporter.text(type) };
			},
			'/healthz': () => ({ type: 'text/plain; charset=utf-8', body: 'ok\n' }),
		});
		const open = isLoopback(address)
			? ''
			: '; anybody who reaches this address can read it: it has neither TLS nor passwords';
		report(`serving ${urlOf(listening.address)}/metrics, and a page at ${urlOf(listening.address)}/${open}`);
	}
	try {
		return await ended;
	} finally {
		await listening?.close();
		await push?.close();
	}
}
