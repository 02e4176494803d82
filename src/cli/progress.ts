import { Presets, SingleBar } from 'cli-progress';
import type { RunningSpec } from '../lab/compare.ts';

/** Steps of the bar for one run, so that long runs move it too. */
const stepsPerRun = 1000;

/** How far an experiment is, on stderr of a terminal; anywhere else it says nothing. */
export class Progress {
  readonly #bar: SingleBar | undefined;
  readonly #runs: number;

  constructor(runs: number, isQuiet: boolean) {
    this.#runs = runs;
    if (isQuiet || !process.stderr.isTTY) return;
    this.#bar = new SingleBar(
      {
        format: ' {bar} {percentage}% | {finished} of {runs} runs | {eta_formatted} left | {now}',
        stream: process.stderr,
        clearOnComplete: true,
        hideCursor: true,
        etaBuffer: 50,
        barsize: 30,
      },
      Presets.shades_classic,
    );
    this.#bar.start(runs * stepsPerRun, 0, { finished: 0, runs, now: 'starting' });
  }

  show(finished: number, running: readonly RunningSpec[]): void {
    const partly = running.reduce((sum, { progress }) => sum + fraction(progress), 0);
    const now = running
      .map(({ spec, progress }) => `${spec.system} (${progress.phase})`)
      .slice(0, 2)
      .join(', ');
    const steps = Math.min(this.#runs, finished + partly) * stepsPerRun;
    this.#bar?.update(Math.floor(steps), { finished, now });
  }

  /** Also after an error: a bar left running would hide the message and keep the cursor away. */
  end(): void {
    this.#bar?.stop();
  }
}

/** Loading counts for a third of a run; a run of unknown length stands at half of the rest. */
function fraction({ phase, done, total }: RunningSpec['progress']): number {
  const part = total > 0 ? Math.min(1, done / total) : 0.5;
  return phase === 'load' ? part / 3 : 1 / 3 + (part * 2) / 3;
}
