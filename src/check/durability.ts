import { describeKey, describeValue, nameOf, tell } from './describe.ts';
import { absent, type History, kindNumber, torn } from './history.ts';
import { type SettledOptions, settledGets, survivorDenying } from './settled.ts';
import { holds, type Verdict } from './verdict.ts';
import { broken, judgeKeys, type KeyVersions, mayBeSeen } from './versions.ts';

export interface DurabilityOptions extends SettledOptions {
  /** What an audit found at the end, by key number; a key that is not in it is absent. */
  readonly final?: ReadonlyMap<number, number>;
}

/**
 * Data reliability: what was acknowledged is there at the end, whatever crashed in between. A change is
 * lost where the last gets at rest, or the audit, find a value that had been replaced before that change
 * began; the value is then resurrected. Changes of unknown outcome may be there or not.
 */
export function checkDurability(history: History, options: DurabilityOptions = {}): Verdict {
  const verdict = judgeKeys(history, (versions) => {
    const gets = settledGets(history, versions, options);
    const { lost: lostToGets, get } = firstLoss(history, versions, gets);
    if (lostToGets !== undefined && get !== undefined) {
      return told(
        history,
        versions,
        tell(history, get),
        history.value[get] as number,
        lostToGets,
        get,
      );
    }
    if (options.final === undefined) return holds;
    const value = options.final.get(versions.key) ?? absent;
    const found = `the audit found ${describeValue(value)}`;
    if (isFromNowhere(history, versions, value)) {
      return broken(`${describeKey(history, versions.key)}: ${found}, which nobody wrote.`, []);
    }
    const lost = loss(history, versions, value);
    return lost === undefined ? holds : told(history, versions, found, value, lost);
  });
  return verdict.status === 'broken' ? verdict : (stray(history, options) ?? verdict);
}

/**
 * The first get after which none finds a value that may be left. Before it, others may have found what had
 * been replaced: as long as the acknowledged change is found again it is not lost, only those were stale.
 */
function firstLoss(
  history: History,
  versions: KeyVersions,
  gets: readonly number[],
): { readonly lost?: number; readonly get?: number } {
  let last: { readonly lost?: number; readonly get?: number } = {};
  let lastSound = Number.NEGATIVE_INFINITY;
  for (const get of gets.toReversed()) {
    const lost = loss(history, versions, history.value[get] as number);
    if (lost === undefined) lastSound = Math.max(lastSound, history.invokedAt[get] as number);
    else if ((history.completedAt[get] as number) > lastSound) last = { lost, get };
  }
  return last;
}

function loss(history: History, versions: KeyVersions, value: number): number | undefined {
  return value === torn ? undefined : survivorDenying(history, versions, value);
}

function isFromNowhere(history: History, { writerOf }: KeyVersions, value: number): boolean {
  if (value === absent) return false;
  const writer = writerOf.get(value);
  return writer === undefined || !mayBeSeen(history, writer);
}

function told(
  history: History,
  { key, writerOf }: KeyVersions,
  found: string,
  value: number,
  lost: number,
  get?: number,
): Verdict {
  const writer = writerOf.get(value);
  const since = writer === undefined ? '' : ` and began after ${nameOf(history, writer)} had ended`;
  const verb = history.kind[lost] === kindNumber.delete ? 'undone' : 'lost';
  const rows = [writer, lost, get].filter((row) => row !== undefined);
  return broken(
    `${describeKey(history, key)}: ${found}, so ${nameOf(history, lost)}, which was acknowledged` +
      `${since}, is ${verb}.`,
    rows,
  );
}

/** An entry of the audit of which the history knows nothing. */
function stray(history: History, { final }: DurabilityOptions): Verdict | undefined {
  const known = new Set(history.key);
  for (const [key, value] of final ?? []) {
    if (known.has(key) || value === absent) continue;
    const found = `the audit found ${describeValue(value)}`;
    return broken(`${describeKey(history, key)}: ${found}, which nobody wrote.`, []);
  }
  return undefined;
}
