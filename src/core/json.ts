import { FarsideError } from './errors.ts';

/**
 * The value of a JSON text. FARSIDE_INPUT, in one line, names `source` and the line of it where the text stops
 * being JSON, where the engine says so; `firstLine` is that on which `text` begins. `expected` ends the message.
 */
export function parseJson(text: string, source: string, firstLine = 1, expected = ''): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const { message } = error as SyntaxError;
    const position = /position (\d+)/.exec(message)?.[1];
    const line = position === undefined ? '' : `:${lineAt(text, Number(position), firstLine)}`;
    const reason = message.replaceAll(/\s+/g, ' ');
    throw new FarsideError('FARSIDE_INPUT', `${source}${line}: not JSON: ${reason}${expected}`);
  }
}

function lineAt(text: string, position: number, firstLine: number): number {
  return firstLine + text.slice(0, position).split('\n').length - 1;
}
