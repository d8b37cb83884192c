import { describe, expect, test } from 'vitest';
import { defaultKeymap, keymapWith } from '../../src/options/keymap.ts';
import { KeyParser } from '../../src/term/keys.ts';

const { bindings, commandOf } = defaultKeymap;

const keys = (chunk: string) => {
	const parser = new KeyParser();
	return [...parser.push(chunk), ...parser.flush()];
};

describe('keys', () => {
	test.each([
		['q', ['q']],
		['jjk', ['j', 'j', 'k']],
		['\x03', ['Ctrl-C']],
		['\x1a', ['Ctrl-Z']],
		['\r', ['Enter']],
		['\t', ['Tab']],
		['\x1b[Z', ['Shift-Tab']],
		['\x7f', ['Backspace']],
		[' ', ['Space']],
		['\x1b[A\x1b[B\x1bOC', ['Up', 'Down', 'Right']],
		['\x1bOP\x1b[11~\x1b[[A', ['F1', 'F1', 'F1']],
		['\x1b[17~\x1b[21~', ['F6', 'F10']],
		['\x1b[5~\x1b[6~', ['PgUp', 'PgDn']],
		['\x1b[H\x1b[4~\x1bOF', ['Home', 'End', 'End']],
		['\x1b[1;5A', ['Ctrl-Up']],
		['\x1bx', ['Alt-x']],
		['\x1b', ['Esc']],
		['\x1b\x1b', ['Esc', 'Esc']],
		['é日', ['é', '日']],
	])('%j', (chunk, expected) => expect(keys(chunk)).toEqual(expected));

	test('replies of the terminal and unknown sequences are no keys', () => {
		expect(keys('\x1b[?62;c\x1b[I\x1b[<2;3;4Mq')).toEqual(['q']);
	});

	test('mouse: clicks and wheel with their cell, counted from 0', () => {
		expect(keys('\x1b[<0;3;4M\x1b[<0;3;4m\x1b[<64;1;1M\x1b[<65;200;50M')).toEqual([
			'Click-2-3',
			'WheelUp-0-0',
			'WheelDown-199-49',
		]);
	});

	test('a sequence in pieces', () => {
		const parser = new KeyParser();
		expect(parser.push('\x1b')).toEqual([]);
		expect(parser.pending).toBe(true);
		expect(parser.push('[')).toEqual([]);
		expect(parser.push('5')).toEqual([]);
		expect(parser.push('~j')).toEqual(['PgUp', 'j']);
		expect(parser.pending).toBe(false);
	});

	test('anything at all: no exception, nothing left behind', () => {
		for (let a = 0; a < 256; a++) {
			for (const rest of ['', 'A', '[', '\x1b', '1~']) {
				const parser = new KeyParser();
				parser.push(`\x1b${String.fromCharCode(a)}${rest}`);
				parser.flush();
				expect(parser.pending).toBe(false);
			}
		}
	});
});

describe('keymap', () => {
	test('no key has two meanings', () => {
		const all = bindings.flatMap((binding) => binding.keys);
		expect(new Set(all).size).toBe(all.length);
	});

	test('Esc never quits; nothing destructive is bound', () => {
		expect(commandOf('Esc')).toBe('back');
		expect(bindings.some((binding) => /kill/.test(binding.command))).toBe(false);
	});

	test('every command of the default keys is reached by each of its keys', () => {
		for (const { command, keys: names } of bindings) {
			for (const name of names) expect(commandOf(name)).toBe(command);
		}
	});

	test('rebound: the key changes hands, Ctrl-C always quits', () => {
		const keymap = keymapWith({ filter: ['F2', 's'], quit: ['x'], copy: [] });
		expect(['F2', 's', '/', 'F6', 'x', 'q', 'Ctrl-C', 'y'].map(keymap.commandOf)).toEqual([
			'filter',
			'filter',
			undefined,
			'sort-menu',
			'quit',
			undefined,
			'quit',
			undefined,
		]);
	});
});
