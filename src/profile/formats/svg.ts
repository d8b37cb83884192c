/**
 * A flame graph in one SVG file without anything from outside: hover shows figures, click zooms, the field in the corner
 * searches. Opens in any browser; without scripts it is a picture.
 */
import { formatNs } from '../../lib/format.ts';
import type { Profile } from '../model.ts';
import { stackValue } from '../model.ts';
import { type TreeNode, treeOf } from '../tree.ts';

const WIDTH = 1200;
const ROW = 17;
const TOP = 46;
const MARGIN = 10;
/** Narrower frames are not drawn, pixels. */
const NARROWEST = 0.25;
/** Most frames that are drawn: browsers slow down. */
const MAX_BOXES = 30_000;
const CHAR = 6.6;

/** Orange, blue, green and grey: distinct for the colour-blind, too. */
const hues: Readonly<Record<string, readonly [number, number, number]>> = {
	user: [36, 90, 66],
	kernel: [206, 62, 68],
	jit: [140, 40, 66],
	label: [0, 0, 82],
};

function escapeXml(text: string): string {
	return text.replace(
		/[&<>"']/g,
		(char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[char] as string,
	);
}

/** The same name has the same shade in every picture. */
function colour({ kind, name }: TreeNode): string {
	let hash = 0;
	for (let at = 0; at < name.length; at++) hash = (hash * 31 + name.charCodeAt(at)) | 0;
	const [hue, saturation, light] = hues[kind] ?? ([0, 0, 82] as const);
	return `hsl(${hue + ((hash & 15) - 8)},${saturation}%,${light + (((hash >> 4) & 7) - 4)}%)`;
}

interface Box {
	node: TreeNode;
	depth: number;
	x: number;
	width: number;
}

/** The frames that are wide enough, outermost first. */
function boxesOf(root: TreeNode, width: number): Box[] {
	const boxes: Box[] = [{ node: root, depth: 0, x: 0, width }];
	for (let index = 0; index < boxes.length; index++) {
		const { node, depth, x, width: whole } = boxes[index] as Box;
		let at = x;
		for (const child of node.children) {
			const own = (whole * child.total) / node.total;
			if (own >= NARROWEST && boxes.length < MAX_BOXES)
				boxes.push({ node: child, depth: depth + 1, x: at, width: own });
			at += own;
		}
	}
	return boxes;
}

const script = `
const svg=document.documentElement,boxes=[...svg.querySelectorAll('g.f')],W=${WIDTH - 2 * MARGIN},info=svg.querySelector('#i');
const num=(g,k)=>+g.dataset[k];
function draw(z){const x0=z?num(z,'x'):0,w0=z?num(z,'w'):W,d0=z?num(z,'d'):0,s=W/w0;
for(const g of boxes){const x=num(g,'x'),w=num(g,'w'),d=num(g,'d');const above=d<d0,on=above?x<=x0+1e-6&&x+w>=x0+w0-1e-6:x>=x0-1e-6&&x+w<=x0+w0+1e-6;
g.style.display=on?'':'none';if(!on)continue;const nx=above?0:(x-x0)*s,nw=above?W:w*s,r=g.querySelector('rect'),t=g.querySelector('text');
r.setAttribute('x',nx+${MARGIN});r.setAttribute('width',Math.max(0.1,nw-0.4));t.setAttribute('x',nx+${MARGIN + 3});const n=Math.floor((nw-6)/${CHAR}),name=g.dataset.n;
t.textContent=n<3?'':name.length<=n?name:name.slice(0,n-1)+'…';r.style.opacity=above?0.5:1}}
for(const g of boxes){g.addEventListener('click',()=>draw(num(g,'d')?g:null));g.addEventListener('mouseover',()=>info.textContent=g.querySelector('title').textContent)}
svg.querySelector('#s').addEventListener('click',()=>{const word=prompt('search for functions that contain:');let hit=0;
for(const g of boxes){const m=word&&g.dataset.n.includes(word);g.querySelector('rect').style.stroke=m?'#c0c':'';g.querySelector('rect').style.strokeWidth=m?2:'';if(m)hit++}
info.textContent=word?hit+' frames contain '+word:''});
window.addEventListener('keydown',e=>{if(e.key==='Escape')draw(null)});`;

export function svg(profile: Profile): string {
	const onCpu = profile.mode === 'on-cpu';
	const root = treeOf(
		profile.stacks.map((stack) => ({
			value: stackValue(profile.mode, stack),
			frames: [
				{ name: stack.comm, kind: 'label' },
				...(onCpu ? [] : [{ name: stack.state, kind: 'label' }]),
				...(stack.lock === undefined ? [] : [{ name: stack.lock, kind: 'label' }]),
				...stack.frames.map((index) => profile.frames[index] ?? { name: '?', kind: 'label' }),
			],
		})),
	);
	const boxes = root.total > 0 ? boxesOf(root, WIDTH - 2 * MARGIN) : [];
	const depth = boxes.reduce((most, box) => Math.max(most, box.depth), 0);
	const height = TOP + (depth + 1) * ROW + MARGIN;
	const figure = (value: number) => (onCpu ? `${value} samples` : formatNs(value));
	const drawn = boxes.map(({ node, depth: row, x, width }) => {
		const name = escapeXml(node.name);
		const room = Math.floor((width - 6) / CHAR);
		const shown = room < 3 ? '' : node.name.length <= room ? node.name : `${node.name.slice(0, room - 1)}…`;
		const y = TOP + row * ROW;
		const share = ((100 * node.total) / root.total).toFixed(2);
		return `<g class="f" data-x="${x.toFixed(3)}" data-w="${width.toFixed(3)}" data-d="${row}" data-n="${name}"><title>${name} (${escapeXml(figure(node.total))}, ${share} %; own ${escapeXml(figure(node.self))})</title><rect x="${(x + MARGIN).toFixed(2)}" y="${y}" width="${Math.max(0.1, width - 0.4).toFixed(2)}" height="${ROW - 1}" fill="${colour(node)}"/><text x="${(x + MARGIN + 3).toFixed(2)}" y="${y + 12}">${escapeXml(shown)}</text></g>\n`;
	});
	const { user_stacks, cut } = profile.quality;
	const title = `${profile.mode}, ${profile.target}, ${profile.seconds.toFixed(1)} s, ${figure(root.total)}`;
	const cutText = user_stacks > 0 ? `${Math.round((100 * cut) / user_stacks)} % of user stacks are cut` : '';
	return `<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="DejaVu Sans Mono,Menlo,monospace" font-size="11">
<style>rect{cursor:pointer}text{pointer-events:none;fill:#111}g.f:hover rect{stroke:#111}</style>
<rect width="100%" height="100%" fill="#fff"/>
<text x="${MARGIN}" y="18" font-size="14">${escapeXml(title)}</text>
<text x="${MARGIN}" y="36" id="i">${escapeXml(cutText)}</text>
<text x="${WIDTH - MARGIN}" y="18" text-anchor="end" id="s" style="pointer-events:all;cursor:pointer">Search</text>
${drawn.join('')}<script>//<![CDATA[${script}
//]]></script>
</svg>
`;
}
