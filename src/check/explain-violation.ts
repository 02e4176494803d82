import { describeKey, nameOf, tell } from './describe.ts';
import { absent, type History, kindNumber, outcomeNumber, torn } from './history.ts';

/** For a value that was found, the row of its only write. */
export type Sources = ReadonlyMap<number, number>;

/** One sentence on why these operations of one key, the fewest that violate, cannot be put in order. */
export function explainViolation(
  history: History,
  rows: readonly number[],
  sources: Sources,
): string {
  const [row] = rows as [number];
  const why =
    orphan(history, rows) ??
    stale(history, rows, sources) ??
    backwards(history, rows, sources) ??
    again(history, rows, sources) ??
    generic(history, rows);
  return `${describeKey(history, history.key[row] as number)}: ${why}.`;
}

/** A value from nowhere. */
function orphan(history: History, rows: readonly number[]): string | undefined {
  const [row] = rows as [number];
  if (rows.length !== 1 || !isGet(history, row)) return undefined;
  const nowhere = history.value[row] === torn ? '' : ', which nobody had begun to write';
  return `${tell(history, row)}${nowhere}`;
}

/** A get of what had been replaced before it began. */
function stale(history: History, rows: readonly number[], sources: Sources): string | undefined {
  const [get, ...others] = rows.filter((row) => isGet(history, row));
  if (get === undefined || others.length > 0) return undefined;
  const found = history.value[get] as number;
  const source = sources.get(found);
  if (source === undefined && found !== absent) return undefined;
  const newer = rows.find(
    (row) =>
      isChange(history, row) &&
      isBefore(history, row, get) &&
      (source === undefined || isBefore(history, source, row)),
  );
  if (newer === undefined || !isAll(rows, [get, source, newer])) return undefined;
  const since = source === undefined ? '' : `, begun after ${nameOf(history, source)} had ended,`;
  return `${tell(history, get)}, although ${nameOf(history, newer)}${since} was over before the get began`;
}

/** Two gets, one after the other, that saw the key go back. */
function backwards(
  history: History,
  rows: readonly number[],
  sources: Sources,
): string | undefined {
  const gets = rows.filter((row) => isGet(history, row));
  const [earlier, later] = gets as [number, number];
  if (gets.length !== 2 || !isBefore(history, earlier, later)) return undefined;
  const newer = sources.get(history.value[earlier] as number);
  const older = sources.get(history.value[later] as number);
  if (newer === undefined || older === undefined || !isBefore(history, older, newer))
    return undefined;
  return (
    `${tell(history, later)}, although ${tell(history, earlier)} before, and ` +
    `${nameOf(history, newer)} began after ${nameOf(history, older)} had ended`
  );
}

/** Three gets, one after the other, of which the last finds again what the first has found. */
function again(history: History, rows: readonly number[], sources: Sources): string | undefined {
  const [first, between, last] = rows as [number, number, number];
  if (rows.length !== 3 || !rows.every((row) => isGet(history, row))) return undefined;
  const value = history.value[last] as number;
  if (history.value[first] !== value || !sources.has(value)) return undefined;
  if (!isBefore(history, first, between) || !isBefore(history, between, last)) return undefined;
  return (
    `${tell(history, last)} as ${nameOf(history, first)} had, although in between ` +
    `${tell(history, between)} and ${value} was written only once`
  );
}

/** Operations that are told one by one. */
const toldMax = 10;

function generic(history: History, rows: readonly number[]): string {
  const all = rows.slice(0, toldMax).map((row) => tell(history, row));
  const more = rows.length > toldMax ? `; and ${rows.length - toldMax} more` : '';
  return `no order of these ${rows.length} operations explains their answers: ${all.join('; ')}${more}`;
}

function isGet(history: History, row: number): boolean {
  return history.kind[row] === kindNumber.get;
}

function isChange(history: History, row: number): boolean {
  return !isGet(history, row) && history.outcome[row] === outcomeNumber.ok;
}

/** Since the rows are the fewest that violate, an explanation that needs less than all of them is wrong. */
function isAll(rows: readonly number[], used: readonly (number | undefined)[]): boolean {
  return rows.every((row) => used.includes(row));
}

/** What is unknown may take effect after its end. */
function isBefore(history: History, a: number, b: number): boolean {
  if (history.outcome[a] === outcomeNumber.unknown) return false;
  return (history.completedAt[a] as number) < (history.invokedAt[b] as number);
}
