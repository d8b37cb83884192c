import { Subject, wait, type Program } from './terminal/subject.ts';
const rounds = Number(process.argv[2]), starts = Number(process.argv[3]);
const prog = (name: string): Program => ({ name, command: `/tmp/w/${name}/bin/wattlag`, args: [], frame: /Interrupts[\s\S]*Help/, ready: /WATTS/, env: { XDG_CONFIG_HOME: '/nonexistent' }, down: '\x1b[B', up: '\x1b[A', quit: 'q', selects: true });
const list = ['house5-old', 'house5'].map(prog);
const v = new Map<string, number[]>();
const add = (k: string, n: string, x: number) => v.set(`${k} ${n}`, [...(v.get(`${k} ${n}`) ?? []), x]);
for (let s = 0; s < starts; s++) for (const p of s % 2 ? list : [...list].reverse()) {
	const one = new Subject(p);
	const frame = await one.until(p.frame); const ready = await one.ready(); await one.close();
	add('1 first paint', p.name, one.firstGlyph); add('2 full frame', p.name, frame); add('3 first figures', p.name, ready);
}
for (let r = 0; r < rounds; r++) for (const p of r % 2 ? list : [...list].reverse()) {
	const one = new Subject(p); await one.ready(); await wait(1500);
	for (let i = 0; i < 12; i++) await one.press('down');
	for (let i = 0; i < 40; i++) { const { ms, bytes } = await one.press(i % 8 < 4 ? 'down' : 'up'); add('4 key ms', p.name, ms); add('5 key bytes', p.name, bytes); await wait(20 + ((i * 37) % 41)); }
	await one.close();
}
for (const [k, x] of [...v].sort(([a], [b]) => a.localeCompare(b))) { x.sort((a, b) => a - b); console.log(k.padEnd(28), 'min', x[0]!.toFixed(1), 'q1', x[x.length >> 2]!.toFixed(1), 'med', x[x.length >> 1]!.toFixed(1), 'n', x.length); }
process.exit(0);
