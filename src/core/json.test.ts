import { describe, expect, test } from 'vitest';
import { parseJson } from './json.ts';

function messageOf(text: string, firstLine?: number, expected?: string): string {
  try {
    parseJson(text, 'some.json', firstLine, expected);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('that is JSON');
}

describe('what should be JSON', () => {
  test('is its value', () => {
    expect(parseJson('{"a":[1,"b"]}', 'some.json')).toEqual({ a: [1, 'b'] });
  });

  test('and is not: one line of message names file and line', () => {
    expect(messageOf('{\n "a": 1\n "b": 2 }')).toMatch(/^some\.json:3: not JSON: [^\n]+$/);
    expect(messageOf('{\n "a": 1\n "b": 2 }', 10)).toMatch(/^some\.json:12: not JSON: /);
  });

  test('though the engine quotes lines of it', () => {
    expect(messageOf('vm\nlinux\n')).toMatch(/^some\.json(:1)?: not JSON: [^\n]+$/);
  });

  test('what was expected ends the message', () => {
    expect(messageOf('', 1, '; expected a profile')).toMatch(/; expected a profile$/);
  });
});
