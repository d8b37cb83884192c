/**
 * Regular expressions in linear time. Any user of the machine can choose names, and patterns are typed while the screen is
 * live: JavaScript's backtracking engine can take minutes for `(a+)+b`, this one takes at most (states × characters).
 * Thompson's construction, with all states simulated at once.
 *
 * Supported: literals, `.`, `[a-z]`, `[^…]`, `\d \w \s \D \W \S`, `^`, `$`, `|`, `( )`, `*`, `+`, `?`, `{2}`, `{2,}`, `{2,5}`.
 */

/** An error in a pattern; `at` is an offset into it. */
export class PatternError extends Error {
	readonly at: number;

	constructor(message: string, at: number) {
		super(message);
		this.at = at;
	}
}

type Test = (char: string) => boolean;

type Node =
	| { kind: 'test'; test: Test }
	| { kind: 'start' | 'end' | 'empty' }
	| { kind: 'sequence' | 'choice'; parts: Node[] }
	| { kind: 'repeat'; part: Node; least: number; most: number };

/** A state: test a character, split, or assert. Without an explicit target the next state is the following one. */
type State = { kind: 'test'; test: Test } | { kind: 'split'; to: number[] } | { kind: 'start' | 'end' | 'match' };

const maxStates = 2000;
/** Of the compilation: each state takes some. */
const maxSteps = 20 * maxStates;
const maxRepeat = 100;
const maxDepth = 30;
/** Characters of the subject that are matched. */
const maxSubject = 4096;

const classes: Readonly<Record<string, Test>> = {
	d: (char) => /[0-9]/.test(char),
	w: (char) => /[A-Za-z0-9_]/.test(char),
	s: (char) => /\s/.test(char),
	D: (char) => !/[0-9]/.test(char),
	W: (char) => !/[A-Za-z0-9_]/.test(char),
	S: (char) => !/\s/.test(char),
};

class PatternParser {
	private readonly chars: readonly string[];
	private readonly fold: boolean;
	private at = 0;
	private depth = 0;

	constructor(pattern: string, fold: boolean) {
		this.chars = Array.from(pattern);
		this.fold = fold;
	}

	parse(): Node {
		const node = this.choice();
		if (this.at < this.chars.length) throw new PatternError('nothing is open that this ) closes', this.at);
		return node;
	}

	private choice(): Node {
		const parts = [this.sequence()];
		while (this.chars[this.at] === '|') {
			this.at++;
			parts.push(this.sequence());
		}
		return parts.length === 1 ? (parts[0] as Node) : { kind: 'choice', parts };
	}

	private sequence(): Node {
		const parts: Node[] = [];
		while (this.at < this.chars.length && this.chars[this.at] !== '|' && this.chars[this.at] !== ')') {
			parts.push(this.repeat(this.atom()));
		}
		return { kind: 'sequence', parts };
	}

	private repeat(part: Node): Node {
		const from = this.at;
		const [least, most] = this.bounds();
		if (this.at === from) return part;
		if (part.kind === 'start' || part.kind === 'end') throw new PatternError('there is nothing to repeat', from);
		const again = this.at;
		const [, more] = this.bounds();
		if (this.at > again && more >= 0) throw new PatternError('a repetition cannot be repeated', again);
		return { kind: 'repeat', part, least, most };
	}

	/** The quantifier here, if there is one. */
	private bounds(): [least: number, most: number] {
		const simple = { '*': [0, Infinity], '+': [1, Infinity], '?': [0, 1] }[this.chars[this.at] ?? ''];
		if (simple) {
			this.at++;
			return simple as [number, number];
		}
		const braces = /^\{(\d+)(,(\d*))?\}/.exec(this.chars.slice(this.at, this.at + 12).join(''));
		if (!braces) return [1, 1];
		const least = Number(braces[1]);
		const most = braces[2] === undefined ? least : braces[3] ? Number(braces[3]) : Infinity;
		if (least > maxRepeat || (Number.isFinite(most) && most > maxRepeat)) {
			throw new PatternError(`at most ${maxRepeat} repetitions`, this.at);
		}
		if (most < least) throw new PatternError('the bounds are the wrong way round', this.at);
		this.at += braces[0].length;
		return [least, most];
	}

	private atom(): Node {
		const from = this.at;
		const char = this.chars[this.at++] as string;
		switch (char) {
			case '.':
				return { kind: 'test', test: () => true };
			case '^':
				return { kind: 'start' };
			case '$':
				return { kind: 'end' };
			case '(':
				return this.group(from);
			case '[':
				return { kind: 'test', test: this.set(from) };
			case '*':
			case '+':
			case '?':
				throw new PatternError('there is nothing to repeat', from);
			case '\\':
				return { kind: 'test', test: this.escape(from) };
		}
		return { kind: 'test', test: this.literal(char) };
	}

	private group(from: number): Node {
		if (this.chars[this.at] === '?') {
			if (this.chars[this.at + 1] !== ':') throw new PatternError('look-around is not supported', from);
			this.at += 2;
		}
		if (++this.depth > maxDepth) throw new PatternError('too deep', from);
		const node = this.choice();
		this.depth--;
		if (this.chars[this.at++] !== ')') throw new PatternError('( is not closed', from);
		return node;
	}

	private literal(char: string): Test {
		if (!this.fold) return (other) => other === char;
		const lower = char.toLowerCase();
		return (other) => other.toLowerCase() === lower;
	}

	private escape(from: number): Test {
		const char = this.chars[this.at++];
		if (char === undefined) throw new PatternError('\\ at the end', from);
		if (/[1-9]/.test(char)) throw new PatternError('back-references are not supported', from);
		if (/[A-Za-z]/.test(char) && !Object.hasOwn(classes, char)) throw new PatternError(`\\${char} is not known`, from);
		return classes[char] ?? this.literal(char);
	}

	private set(from: number): Test {
		const negated = this.chars[this.at] === '^';
		if (negated) this.at++;
		const tests: Test[] = [];
		for (let first = true; ; first = false) {
			const char = this.chars[this.at++];
			if (char === undefined) throw new PatternError('[ is not closed', from);
			if (char === ']' && !first) break;
			if (char === '\\') tests.push(this.escape(this.at - 1));
			else if (this.chars[this.at] === '-' && (this.chars[this.at + 1] ?? ']') !== ']') tests.push(this.range(char));
			else tests.push(this.literal(char));
		}
		return (char) => tests.some((test) => test(char)) !== negated;
	}

	private range(low: string): Test {
		const from = this.at - 1;
		this.at++;
		const high = this.chars[this.at++] as string;
		if (high < low) throw new PatternError('the range is the wrong way round', from);
		const inside = (char: string) => char >= low && char <= high;
		return this.fold ? (char) => inside(char.toLowerCase()) || inside(char.toUpperCase()) : inside;
	}
}

class Compiler {
	readonly states: State[] = [];
	private steps = 0;

	compile(node: Node): readonly State[] {
		this.emit(node);
		this.add({ kind: 'match' });
		return this.states;
	}

	private add<T extends State>(state: T): T {
		if (this.states.length >= maxStates) throw new PatternError('the pattern is too large', 0);
		this.states.push(state);
		return state;
	}

	private emit(node: Node): void {
		// repetitions of nothing make no states, and may be nested
		if (++this.steps > maxSteps) throw new PatternError('the pattern is too large', 0);
		switch (node.kind) {
			case 'test':
				this.add({ kind: 'test', test: node.test });
				break;
			case 'start':
			case 'end':
				this.add({ kind: node.kind });
				break;
			case 'sequence':
				for (const part of node.parts) this.emit(part);
				break;
			case 'choice':
				this.choice(node.parts);
				break;
			case 'repeat':
				this.repeat(node.part, node.least, node.most);
				break;
		}
	}

	private choice(parts: readonly Node[]): void {
		const fork = this.add({ kind: 'split', to: [] as number[] });
		const ends: { to: number[] }[] = [];
		for (const part of parts) {
			fork.to.push(this.states.length);
			this.emit(part);
			ends.push(this.add({ kind: 'split', to: [] as number[] }));
		}
		for (const end of ends) end.to.push(this.states.length);
	}

	private repeat(part: Node, least: number, most: number): void {
		for (let i = 0; i < least; i++) this.emit(part);
		if (most === Infinity) {
			const fork = this.add({ kind: 'split', to: [] as number[] });
			const start = this.states.indexOf(fork);
			fork.to.push(this.states.length);
			this.emit(part);
			this.add({ kind: 'split', to: [start] });
			fork.to.push(this.states.length);
			return;
		}
		const forks: { to: number[] }[] = [];
		for (let i = least; i < most; i++) {
			const fork = this.add({ kind: 'split', to: [this.states.length + 1] });
			forks.push(fork);
			this.emit(part);
		}
		for (const fork of forks) fork.to.push(this.states.length);
	}
}

/** Does any part of a text match? */
export type Matcher = (text: string) => boolean;

/**
 * Compile a pattern. Without capitals in it, it matches either case. Throws {@link PatternError}.
 */
export function compilePattern(pattern: string): Matcher {
	const literals = pattern.replace(/\\./g, '');
	const states = new Compiler().compile(new PatternParser(pattern, literals === literals.toLowerCase()).parse());
	return (text) => run(states, Array.from(text.length > maxSubject ? text.slice(0, maxSubject) : text));
}

function run(states: readonly State[], chars: readonly string[]): boolean {
	// the position at which a state was last added: each is added once per character
	const seen = new Int32Array(states.length).fill(-1);
	let current: number[] = [];
	for (let at = 0; at <= chars.length; at++) {
		const next: number[] = [];
		// a match may begin anywhere
		const todo = [...current, 0];
		while (todo.length > 0) {
			const index = todo.pop() as number;
			if (seen[index] === at) continue;
			seen[index] = at;
			const state = states[index] as State;
			if (state.kind === 'match') return true;
			if (state.kind === 'split') todo.push(...state.to);
			else if (state.kind === 'test') {
				if (at < chars.length && state.test(chars[at] as string)) next.push(index + 1);
			} else if (at === (state.kind === 'start' ? 0 : chars.length)) {
				todo.push(index + 1);
			}
		}
		current = next;
	}
	return false;
}
