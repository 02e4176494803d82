import { absent, type History, HistoryRecorder, type OperationKind } from '../src/check/history.ts';
import { historyPromises, judge } from '../src/check/judge.ts';
import { checkLinearizability } from '../src/check/linearizability.ts';
import { type RandomHistory, randomHistory, withOneLie } from '../test/support/random-histories.ts';

/**
 * `node dist/bench/check-histories.js`: CPU time that the checkers take. Right histories are those of a real
 * variable; in a wrong one, one get lies, and the time holds the search for the fewest operations that show
 * it. Verdicts are counted, because a search that gives up is quick.
 */
const registers: Readonly<Record<string, Partial<RandomHistory>>> = {
  'values of their own': { kinds: ['get', 'get', 'write', 'write', 'cas'] },
  'values 0 to 4, as etcd in Jepsen': { kinds: ['get', 'write', 'cas'], values: 5 },
  'nearly all writes': { kinds: ['get', 'write', 'write', 'write', 'write'] },
  'a tenth unknown': { kinds: ['get', 'write', 'cas'], values: 5, unknownPercent: 10 },
  'a third unknown': { kinds: ['get', 'get', 'write', 'write'], unknownPercent: 33 },
  'a third unknown, values 0 to 4': {
    kinds: ['get', 'write', 'cas'],
    values: 5,
    unknownPercent: 33,
  },
  'insert, put and delete, a third unknown': { unknownPercent: 33 },
};

interface Timing {
  readonly medianMs: number;
  readonly maxMs: number;
  readonly verdicts: string;
}

function timed(histories: readonly History[]): Timing {
  const counts = new Map<string, number>();
  const times = histories.map((history) => {
    const startMs = cpuMs();
    const { status } = checkLinearizability(history);
    const tookMs = cpuMs() - startMs;
    counts.set(status, (counts.get(status) ?? 0) + 1);
    return tookMs;
  });
  times.sort((a, b) => a - b);
  return {
    medianMs: times[times.length >>> 1] as number,
    maxMs: times.at(-1) as number,
    verdicts: [...counts].map(([status, count]) => `${count} ${status}`).join(', '),
  };
}

/** One register, 5 clients that are always busy: 40 right histories and 40 wrong ones. */
function registerRows(operations: number, processes: number): Record<string, string | number>[] {
  return Object.entries(registers).flatMap(([what, mix]) => {
    const seeds = Array.from({ length: 40 }, (_, seed) => seed);
    const right = seeds.map((seed) =>
      randomHistory({ seed, operations, processes, beginPercent: 90, ...mix }),
    );
    return [right, right.map(withOneLie)].map((histories, i) => {
      const { medianMs, maxMs, verdicts } = timed(histories);
      const name = `${operations} by ${processes}: ${what}${i === 0 ? '' : ', one lie'}`;
      return { what: name, 'median ms': round(medianMs), 'max ms': round(maxMs), verdicts };
    });
  });
}

/** A store under load: what `farside run` would record. */
function storeRows(): Record<string, string | number>[] {
  const kinds: readonly OperationKind[] = ['get', 'get', 'get', 'put', 'put', 'insert', 'delete'];
  const size = { operations: 100_000, keys: 1000, processes: 64 };
  const history = randomHistory({ seed: 1, ...size, kinds, unknownPercent: 1, beginPercent: 90 });
  return historyPromises.map((promise) => {
    const startMs = cpuMs();
    const { status } = judge(history, promise);
    const tookMs = round(cpuMs() - startMs);
    return { what: `100,000 on 1,000 keys: ${promise}`, 'max ms': tookMs, verdicts: status };
  });
}

/** What a run pays for each operation that it records. */
function recordingRow(): Record<string, string | number> {
  const rounds = 1_000_000;
  const recorder = new HistoryRecorder(rounds);
  const startMs = cpuMs();
  for (let i = 0; i < rounds; i++) {
    recorder.endGet(recorder.begin(i & 31, 'get', i & 1023, absent, i), i, i + 1);
  }
  const nsEach = ((cpuMs() - startMs) * 1e6) / rounds;
  return { what: 'to record one operation', 'median ns': round(nsEach), verdicts: '-' };
}

/** Of this process: on a shared machine the wall clock tells of the others too. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function round(number: number): number {
  return Math.round(number * 10) / 10;
}

console.table([recordingRow(), ...storeRows(), ...registerRows(300, 5), ...registerRows(300, 20)]);
