import {
  absent,
  type History,
  HistoryRecorder,
  type OperationKind,
  type Outcome,
  operationAt,
} from '../../src/check/history.ts';
import { type RandomStream, randomStream } from '../../src/core/random.ts';

export interface RandomHistory {
  readonly seed: number;
  readonly operations: number;
  readonly processes: number;
  readonly keys?: number;
  readonly kinds?: readonly OperationKind[];
  /** Writes choose from so many values; undefined: each has one of its own. */
  readonly values?: number;
  /** Parts in 100 of operations that fail, and whose end is unknown. */
  readonly failedPercent?: number;
  readonly unknownPercent?: number;
  /** How often, in 100, something begins rather than goes on; at 90 all processes are always busy. */
  readonly beginPercent?: number;
}

interface Pending {
  readonly row: number;
  readonly kind: OperationKind;
  readonly key: number;
  readonly value: number;
  readonly expected: number;
  readonly fate: Outcome;
  /** What it found or whether it worked, once it has taken effect. */
  answer: { readonly works: boolean; readonly found: number } | undefined;
}

/**
 * A linearizable history: each operation takes effect on a real variable at some moment between its
 * beginning and its end, and what is unknown at some later moment or never.
 */
export function randomHistory(options: RandomHistory): History {
  const dice = randomStream(options.seed, 'history');
  const recorder = new HistoryRecorder();
  const values = new Array<number>(options.keys ?? 1).fill(absent);
  const idle = Array.from({ length: options.processes }, (_, process) => process);
  const busy: { readonly process: number; readonly operation: Pending }[] = [];
  const unknown: Pending[] = [];
  let begun = 0;
  for (let nowNs = 0; begun < options.operations || busy.length > 0; nowNs++) {
    const begins = dice.below(100) < (options.beginPercent ?? 25);
    if (begins && idle.length > 0 && begun < options.operations) {
      const [process] = idle.splice(dice.below(idle.length), 1) as [number];
      const operation = begin(recorder, process, dice, options, values, begun++, nowNs);
      busy.push({ process, operation });
    } else if (unknown.length > 0 && dice.below(9) === 0) {
      takeEffect(unknown.splice(dice.below(unknown.length), 1)[0] as Pending, values);
    } else if (busy.length > 0) {
      const at = dice.below(busy.length);
      const { process, operation } = busy[at] as (typeof busy)[number];
      if (operation.fate === 'ok' && operation.answer === undefined) {
        takeEffect(operation, values);
        continue;
      }
      busy.splice(at, 1);
      idle.push(process);
      if (operation.fate === 'unknown') unknown.push(operation);
      end(recorder, operation, nowNs);
    }
  }
  return recorder.history();
}

function begin(
  recorder: HistoryRecorder,
  process: number,
  dice: RandomStream,
  options: RandomHistory,
  values: readonly number[],
  number: number,
  nowNs: number,
): Pending {
  const kinds = options.kinds ?? ['insert', 'get', 'get', 'put', 'put', 'delete'];
  const kind = kinds[dice.below(kinds.length)] as OperationKind;
  const key = dice.below(values.length);
  const isChange = kind !== 'get' && kind !== 'delete';
  const drawn = options.values === undefined ? number : dice.below(options.values);
  const value = isChange ? drawn : absent;
  // Mostly the value that is there, so that some cas succeed.
  const guess =
    dice.below(3) > 0 ? (values[key] as number) : dice.below(options.values ?? number + 1);
  const expected = kind === 'cas' ? guess : absent;
  const percent = dice.below(100);
  const failed = options.failedPercent ?? 0;
  const isUnknown = percent < failed + (options.unknownPercent ?? 0);
  const fate = percent < failed ? 'failed' : isUnknown ? 'unknown' : 'ok';
  const row = recorder.begin(process, kind, key, value, nowNs, expected);
  return { row, kind, key, value, expected, fate, answer: undefined };
}

function takeEffect(operation: Pending, values: number[]): void {
  const { kind, key, expected } = operation;
  const found = values[key] as number;
  const works = {
    get: true,
    write: true,
    insert: found === absent,
    put: found !== absent,
    delete: found !== absent,
    cas: found === expected,
  }[kind];
  operation.answer = { works, found };
  if (works && kind !== 'get') values[key] = operation.value;
}

function end(recorder: HistoryRecorder, { row, kind, fate, answer }: Pending, nowNs: number): void {
  if (fate !== 'ok') recorder.end(row, fate, nowNs);
  else if (kind === 'get') recorder.endGet(row, answer?.found as number, nowNs);
  else recorder.end(row, answer?.works === true ? 'ok' : 'refused', nowNs);
}

/** The same history with the answer of one get changed to another value of the history, or to absent. */
export function withOneLie(history: History, seed: number): History {
  const dice = randomStream(seed, 'lie');
  const rows = Array.from({ length: history.length }, (_, row) => row);
  const gets = rows.filter((row) => {
    const { kind, outcome } = operationAt(history, row);
    return kind === 'get' && outcome === 'ok';
  });
  if (gets.length === 0) return history;
  const liar = gets[dice.below(gets.length)] as number;
  const others = [...new Set([absent, ...history.value])].filter((v) => v !== history.value[liar]);
  if (others.length === 0) return history;
  const value = history.value.slice();
  value[liar] = others[dice.below(others.length)] as number;
  return { ...history, value };
}
