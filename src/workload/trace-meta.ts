import {
  type BadColumn,
  parseCount,
  parseTime,
  type TraceAction,
  type TraceFormat,
} from './trace-line.ts';

const actions: ReadonlyMap<string, TraceAction> = new Map([
  ['GET', 'get'],
  ['GET_LEASE', 'get'],
  ['SET', 'set'],
  ['SET_LEASE', 'set'],
  ['DELETE', 'delete'],
]);

const columnsMax = 64;

/** Where the columns that matter stand; -1 where the header has no such column. */
interface Columns {
  readonly count: number;
  readonly key: number;
  readonly op: number;
  readonly size: number;
  readonly keySize: number;
  readonly opCount: number;
  readonly time: number;
}

/**
 * Meta's key-value cache traces, of any of the releases: the header says which column is which.
 *
 *   op_time,key,key_size,op,op_count,size,cache_hits,ttl,usecase,sub_usecase
 *   key,op,size,op_count,key_size,ttl
 *
 * `key`, `op` and `size` must be there. `op_count` repeats the line. Undefined where `header` is
 * none.
 */
export function metaFormat(header: string): TraceFormat | undefined {
  const columns = readHeader(header);
  if (columns === undefined) return undefined;
  const ends = new Int32Array(columnsMax + 1);
  return {
    name: 'Meta',
    hasTimes: columns.time >= 0,
    parse: (line, into) => {
      const found = split(line, ends);
      if (found < columns.count) return bad('line', line, `${columns.count} columns`);
      const start = (column: number): number =>
        column === 0 ? 0 : (ends[column - 1] as number) + 1;
      const end = (column: number): number => ends[column] as number;
      const text = (column: number): string => line.slice(start(column), end(column));
      const count = (column: number): number => parseCount(line, start(column), end(column));
      if (start(columns.key) === end(columns.key)) return bad('key', '', 'at least one byte');
      into.key = text(columns.key);
      const action = actions.get(text(columns.op));
      if (action === undefined) {
        return bad('op', text(columns.op), `one of ${[...actions.keys()].join(' ')}`);
      }
      into.action = action;
      into.valueBytes = count(columns.size);
      if (into.valueBytes < 0) return bad('size', text(columns.size), 'a number of bytes');
      into.keyBytes = columns.keySize < 0 ? 0 : count(columns.keySize);
      if (into.keyBytes < 0) return bad('key_size', text(columns.keySize), 'a number of bytes');
      into.repeat = columns.opCount < 0 ? 1 : count(columns.opCount);
      if (into.repeat < 1) return bad('op_count', text(columns.opCount), 'a count from 1');
      into.time = columns.time < 0 ? 0 : parseTime(line, start(columns.time), end(columns.time));
      if (into.time < 0) return bad('op_time', text(columns.time), 'seconds');
      return undefined;
    },
  };
}

function readHeader(header: string): Columns | undefined {
  const names = header.trim().split(',');
  const at = (name: string): number => names.indexOf(name);
  const columns: Columns = {
    count: names.length,
    key: at('key'),
    op: at('op'),
    size: at('size'),
    keySize: at('key_size'),
    opCount: at('op_count'),
    time: at('op_time'),
  };
  const usable = columns.key >= 0 && columns.op >= 0 && columns.size >= 0;
  return usable && names.length <= columnsMax ? columns : undefined;
}

/** Puts the end of each column into `ends` and gives how many there are, `columnsMax` at most. */
function split(line: string, ends: Int32Array): number {
  let count = 0;
  let from = 0;
  while (count < columnsMax) {
    const comma = line.indexOf(',', from);
    if (comma < 0) break;
    ends[count++] = comma;
    from = comma + 1;
  }
  ends[count++] = line.length;
  return count;
}

function bad(column: string, got: string, expected: string): BadColumn {
  return { column, got, expected };
}
