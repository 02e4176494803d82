import { Presets, SingleBar } from 'cli-progress';
import type { RunningSpec } from '../lab/compare.ts';
import { systemLabel } from '../lab/output/names.ts';

/** Steps of the bar for one run, so that long runs move it too. */
const stepsPerRun = 1000;
/** Columns of the bar on a terminal of the usual width, and on a narrow one. */
const barColumns = { usual: 30, narrow: 12 } as const;
const usualColumns = 80;
/** Columns beside bar and text: blanks and the percentage. */
const otherColumns = 8;
/** Before so much has passed and is done, a guess of the time that is left is no better than none. */
const guessAfterMs = 3000;
const guessAfterDone = 0.03;

/** Where progress is drawn. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** How far an experiment is, on stderr of a terminal; anywhere else it says nothing. */
export class Progress {
  #bar: SingleBar | undefined;
  readonly #runs: number;
  readonly #stream: ProgressStream;
  readonly #startedMs = Date.now();

  constructor(runs: number, isQuiet: boolean, stream: ProgressStream = process.stderr) {
    this.#runs = runs;
    this.#stream = stream;
    if (isQuiet || stream.isTTY !== true) return;
    this.#bar = new SingleBar(
      {
        format: ' {bar} {percentage}%{text}',
        stream: stream as NodeJS.WritableStream,
        clearOnComplete: true,
        barsize: barsize(stream),
      },
      Presets.shades_classic,
    );
    this.#bar.start(runs * stepsPerRun, 0, { text: ' | starting' });
  }

  show(finished: number, running: readonly RunningSpec[]): void {
    if (this.#bar === undefined) return;
    const partly = running.reduce((sum, { progress }) => sum + fraction(progress), 0);
    const done = Math.min(1, (finished + partly) / this.#runs);
    const text = progressText(
      { runs: this.#runs, finished, running, done, elapsedMs: Date.now() - this.#startedMs },
      columnsOf(this.#stream) - barsize(this.#stream) - otherColumns,
    );
    this.#bar.update(Math.floor(done * this.#runs * stepsPerRun), { text });
  }

  /** Makes room for a line: the bar is drawn again below it. */
  clear(): void {
    if (this.#bar !== undefined) (this.#stream as NodeJS.WritableStream).write('\r\u001b[K');
  }

  /** Clears the bar, for good: also before a message, which it would overwrite. */
  end(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}

function barsize(stream: ProgressStream): number {
  return columnsOf(stream) < usualColumns ? barColumns.narrow : barColumns.usual;
}

function columnsOf({ columns }: ProgressStream): number {
  return columns ?? usualColumns;
}

export interface ProgressState {
  readonly runs: number;
  readonly finished: number;
  readonly running: readonly RunningSpec[];
  /** Of everything, from 0 to 1. */
  readonly done: number;
  readonly elapsedMs: number;
}

/** What stands behind the bar: as much as fits, the most important first. */
export function progressText(state: ProgressState, columns: number): string {
  const { runs, finished, running, done, elapsedMs } = state;
  const isKnown = running.every(({ progress }) => progress.phase === 'load' || progress.total > 0);
  const leftMs = (elapsedMs / done) * (1 - done);
  const isGuess = isKnown && done >= guessAfterDone && elapsedMs >= guessAfterMs;
  const parts = [
    ...(runs > 1 ? [`${finished} of ${runs} runs done`] : []),
    ...(isGuess ? [`about ${duration(leftMs)} left`] : []),
    ...running.map(({ spec, progress }) => {
      const verb = progress.phase === 'load' ? 'loads' : 'runs';
      return `${systemLabel(spec.system)} ${verb}`;
    }),
  ];
  let text = '';
  for (const part of parts) {
    const longer = `${text} | ${part}`;
    if (longer.length > columns) break;
    text = longer;
  }
  return text;
}

function duration(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

/** Loading counts for a third of a run; a run of unknown length stands at half of the rest. */
function fraction({ phase, done, total }: RunningSpec['progress']): number {
  const unknown = done > 0 ? 0.5 : 0;
  const part = total > 0 ? Math.min(1, done / total) : unknown;
  return phase === 'load' ? part / 3 : 1 / 3 + (part * 2) / 3;
}
