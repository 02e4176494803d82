import { FarsideError } from '../../core/errors.ts';
import { parseJson } from '../../core/json.ts';

export interface JsonElement {
  readonly value: unknown;
  readonly line: number;
}

/**
 * The elements of a JSON array, or JSON values one after another, each with the line on which it begins.
 * Each is parsed by itself, since JSON.parse knows positions in what it is given, and nothing of where an
 * element begins. FARSIDE_INPUT names file and line.
 */
export function* jsonElements(text: string, file: string): Iterable<JsonElement> {
  const fail = (line: number, message: string): never => {
    throw new FarsideError('FARSIDE_INPUT', `${file}:${line}: ${message}`);
  };
  let line = 1;
  let start = -1;
  let startLine = 1;
  let depth = 0;
  const isArray = /^\s*\[/.test(text);
  const level = isArray ? 1 : 0;
  for (let at = 0; at < text.length; at++) {
    const c = text[at] as string;
    if (c === '\n') line++;
    if (c === '"') {
      at = stringEnd(text, at);
      if (at < 0) fail(line, 'a string that does not end');
    } else if (c === '{' || c === '[') {
      if (depth++ === level) [start, startLine] = [at, line];
    } else if (c === '}' || c === ']') {
      if (--depth < 0) fail(line, `got ${c}, which closes nothing`);
      if (depth !== level || start < 0) continue;
      yield {
        value: parseJson(text.slice(start, at + 1), file, startLine),
        line: startLine,
      };
      start = -1;
    } else if (depth <= level && !/[\s,]/.test(c)) fail(line, `got ${c}, expected an object`);
  }
  if (depth > 0) fail(depth > level ? startLine : line, 'ends before it is closed');
}

/** Where the string that begins at `at` ends; -1 where it does not on its line. */
function stringEnd(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    const c = text[i];
    if (c === '\\') i++;
    else if (c === '"') return i;
    else if (c === '\n') return -1;
  }
  return -1;
}
