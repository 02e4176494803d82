import { type History, HistoryRecorder, type OperationKind, type Outcome } from '../history.ts';

/** The beginning of an operation, as a format that lists events has it. */
export interface Invocation {
  readonly process: number;
  readonly kind: OperationKind;
  readonly key: string;
  /** `absent` for get and delete. */
  readonly value: number;
  readonly expected: number;
}

/**
 * Makes a history of events in the order in which they happened. A process has one operation in flight.
 * Complaints are returned, for the format to say where.
 */
export class EventRows {
  readonly #recorder = new HistoryRecorder();
  /** By process: the operation under way. */
  readonly #open = new Map<number, Invocation & { readonly row: number; readonly line: number }>();

  begin(invocation: Invocation, line: number, timeNs: number): string | undefined {
    const { process, kind, key, value, expected } = invocation;
    const open = this.#open.get(process);
    if (open !== undefined) {
      const other = `${named(open.kind, open.key)} of line ${open.line}`;
      return `process ${process} begins ${named(kind, key)} while ${other} is under way`;
    }
    const number = this.#recorder.key(key);
    const row = this.#recorder.begin(process, kind, number, value, timeNs, expected);
    this.#open.set(process, { ...invocation, row, line });
    return undefined;
  }

  /** `found`: what a get found that is `ok`; a time of Infinity: it never ended, its process goes on. */
  end(
    { process, kind, key }: Pick<Invocation, 'process' | 'kind' | 'key'>,
    outcome: Outcome,
    found: number,
    timeNs: number,
  ): string | undefined {
    const open = this.#open.get(process);
    if (open === undefined) return `process ${process} ends an operation that it did not begin`;
    if (open.kind !== kind || open.key !== key) {
      const other = `${named(open.kind, open.key)} on line ${open.line}`;
      return `process ${process} ends ${named(kind, key)}, having begun ${other}`;
    }
    this.#open.delete(process);
    if (timeNs === Number.POSITIVE_INFINITY) return undefined;
    if (kind === 'get' && outcome === 'ok') this.#recorder.endGet(open.row, found, timeNs);
    else this.#recorder.end(open.row, outcome, timeNs);
    return undefined;
  }

  history(): History {
    return this.#recorder.history();
  }
}

function named(kind: OperationKind, key: string): string {
  return key === '' ? `a ${kind}` : `a ${kind} of key ${JSON.stringify(key)}`;
}

/** One beginning or end. */
export interface HistoryEvent {
  readonly row: number;
  readonly isEnd: boolean;
}

/**
 * The events of a history in order, for formats of events, or the process that has two operations in
 * flight, which they cannot show. Nor can they show that an operation never ended: it gets an end where its
 * process begins the next, or at the very end. Where the clock could not tell an end from the same
 * process's next beginning, the end comes first.
 */
export function eventsOf(
  history: History,
): readonly HistoryEvent[] | { readonly overlaps: number } {
  const events: HistoryEvent[] = [];
  const open = new Map<number, number>();
  const late = new Map<number, number[]>();
  for (const event of sortedEvents(history)) {
    const process = history.process[event.row] as number;
    const before = open.get(process);
    if (!event.isEnd && before !== undefined) {
      const waiting = late.get(process) ?? [];
      if (history.completedNs[waiting.at(-1) ?? before] === history.invokedNs[event.row]) {
        late.set(process, [...waiting, event.row]);
        continue;
      }
      if (isOver(history, before)) return { overlaps: process };
      events.push({ row: before, isEnd: true });
    }
    events.push(event);
    if (!event.isEnd) open.set(process, event.row);
    else {
      open.delete(process);
      const next = late.get(process)?.shift();
      if (next === undefined) continue;
      events.push({ row: next, isEnd: false });
      open.set(process, next);
    }
  }
  for (const row of open.values()) events.push({ row, isEnd: true });
  return events;
}

function sortedEvents(history: History): readonly HistoryEvent[] {
  const at = ({ row, isEnd }: HistoryEvent): number =>
    (isEnd ? history.completedAt[row] : history.invokedAt[row]) as number;
  const rows = Array.from({ length: history.length }, (_, row) => row);
  const ends = rows.filter((row) => isOver(history, row));
  return [
    ...rows.map((row) => ({ row, isEnd: false })),
    ...ends.map((row) => ({ row, isEnd: true })),
  ].sort((a, b) => at(a) - at(b));
}

function isOver(history: History, row: number): boolean {
  return history.completedAt[row] !== Number.POSITIVE_INFINITY;
}
