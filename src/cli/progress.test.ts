import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { smallSpec } from '../../test/support/specs.ts';
import type { RunningSpec } from '../lab/compare.ts';
import { Progress, type ProgressState, progressText } from './progress.ts';

const running = (system: string, progress: RunningSpec['progress']): RunningSpec => ({
  spec: smallSpec({ system }),
  progress,
});
const half = running('direct', { phase: 'run', done: 500, total: 1000 });
const loading = running('./stores/mine.js', { phase: 'load', done: 10, total: 100 });
const unknown = running('clover', { phase: 'run', done: 7, total: 0 });

/** All that is written to a stream while an experiment of four runs goes on. */
function drawn(stream: { isTTY?: boolean; columns?: number }, isQuiet = false): string {
  let written = '';
  const sink = Object.assign(new PassThrough(), stream, {
    write(chunk: string) {
      written += chunk;
      return true;
    },
    cursorTo: () => true,
    clearLine: () => true,
    moveCursor: () => true,
  });
  const progress = new Progress(4, isQuiet, sink);
  for (let finished = 0; finished < 4; finished++) progress.show(finished, [half, loading]);
  progress.end();
  progress.show(4, []);
  return written;
}

describe('progress', () => {
  test('is drawn on a terminal', () => {
    expect(drawn({ isTTY: true, columns: 100 })).toContain('0%');
  });

  test('is nowhere where stderr is no terminal, or where nobody wants it', () => {
    expect(drawn({ isTTY: false })).toBe('');
    expect(drawn({})).toBe('');
    expect(drawn({ isTTY: true, columns: 100 }, true)).toBe('');
  });
});

describe('what stands behind the bar', () => {
  const state: ProgressState = {
    runs: 12,
    finished: 3,
    running: [half, loading],
    done: 0.25,
    elapsedMs: 20_000,
  };

  test('says how many runs are done, how long it may take, and what is running', () => {
    expect(progressText(state, 100)).toBe(
      ' | 3 of 12 runs done | about 60 s left | direct runs | mine loads',
    );
  });

  test('leaves out what does not fit, from the end', () => {
    for (let columns = 0; columns < 100; columns++) {
      const text = progressText(state, columns);
      expect(text.length).toBeLessThanOrEqual(columns);
      expect(progressText(state, 100).startsWith(text)).toBe(true);
    }
    expect(progressText(state, 40)).toBe(' | 3 of 12 runs done | about 60 s left');
  });

  test('guesses no time too early, or where the length of a run is unknown', () => {
    expect(progressText({ ...state, elapsedMs: 500 }, 100)).not.toContain('left');
    expect(progressText({ ...state, done: 0.01 }, 100)).not.toContain('left');
    expect(progressText({ ...state, running: [unknown] }, 100)).not.toContain('left');
    expect(progressText({ ...state, elapsedMs: 3_600_000 }, 100)).toContain('about 3 h left');
  });

  test('counts no runs where there is one', () => {
    expect(progressText({ ...state, runs: 1, finished: 0 }, 100)).not.toContain('of 1');
  });
});
