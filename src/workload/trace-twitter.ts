import {
  type BadColumn,
  type LineParser,
  parseCount,
  parseTime,
  type TraceAction,
  type TraceFormat,
} from './trace-line.ts';

/** memcached's commands. `gets` is a get that also fetches a version; `cas` replaces by it. */
const actions: ReadonlyMap<string, TraceAction> = new Map([
  ['get', 'get'],
  ['gets', 'get'],
  ['set', 'set'],
  ['add', 'add'],
  ['replace', 'replace'],
  ['cas', 'replace'],
  ['append', 'modify'],
  ['prepend', 'modify'],
  ['incr', 'modify'],
  ['decr', 'modify'],
  ['delete', 'delete'],
]);

/** Columns after the key. */
const columnsAfterKey = 5;

/**
 * Twitter's cache traces of 2020, without a header:
 *
 *   timestamp,key,key_size,value_size,client_id,operation,ttl
 *
 * The key is what lies between the first comma and the fifth from the end, so that one in it does
 * no harm.
 */
export const twitterFormat: TraceFormat = { name: 'Twitter', hasTimes: true, parse: parseLine() };

function parseLine(): LineParser {
  const commas = new Array<number>(columnsAfterKey).fill(0);
  return (line, into) => {
    const keyStart = line.indexOf(',') + 1;
    let end = line.length;
    for (let i = columnsAfterKey - 1; i >= 0; i--) {
      end = end <= 0 ? -1 : line.lastIndexOf(',', end - 1);
      commas[i] = end;
    }
    const [keyEnd, keySizeEnd, valueSizeEnd, clientEnd, actionEnd] = commas as Five;
    if (keyStart === 0 || keyEnd < keyStart) return bad('line', line, '7 columns');
    into.time = parseTime(line, 0, keyStart - 1);
    if (into.time < 0) return bad('timestamp', line.slice(0, keyStart - 1), 'seconds');
    if (keyEnd === keyStart) return bad('key', '', 'at least one byte');
    into.key = line.slice(keyStart, keyEnd);
    into.keyBytes = parseCount(line, keyEnd + 1, keySizeEnd);
    if (into.keyBytes < 0)
      return bad('key_size', line.slice(keyEnd + 1, keySizeEnd), 'a number of bytes');
    into.valueBytes = parseCount(line, keySizeEnd + 1, valueSizeEnd);
    if (into.valueBytes < 0)
      return bad('value_size', line.slice(keySizeEnd + 1, valueSizeEnd), 'a number of bytes');
    const word = line.slice(clientEnd + 1, actionEnd);
    const action = actions.get(word);
    if (action === undefined)
      return bad('operation', word, `one of ${[...actions.keys()].join(' ')}`);
    into.action = action;
    into.repeat = 1;
    return undefined;
  };
}

type Five = [number, number, number, number, number];

function bad(column: string, got: string, expected: string): BadColumn {
  return { column, got, expected };
}

/** Whether a line may be one of such a trace. */
export function looksLikeTwitter(line: string): boolean {
  return /^\d+(\.\d*)?,.+,\d+,\d+,[^,]*,[a-z]+,\d*$/.test(line);
}
