import { expect, test } from 'vitest';
import { Flight } from './flight.ts';
import { ReadWindows } from './read-windows.ts';

const windowPs = 100;

function openAt(windows: ReadWindows, nowPs: number): number[] {
  const open: number[] = [];
  for (let i = 0; ; i++) {
    const flight = windows.open(i, nowPs);
    if (flight === undefined) return open;
    open.push(flight.index);
  }
}

test('those whose windows are open are found, the newest first, as many as there are', () => {
  // Some thousand READs, with so few and so many open at once that the ring wraps around and grows.
  for (const gapPs of [1, 3, 40, 200]) {
    const windows = new ReadWindows();
    const ends: number[] = [];
    for (let i = 0; i < 3000; i++) {
      const nowPs = i * gapPs;
      windows.push(new Flight(i), nowPs + windowPs, nowPs);
      ends.push(nowPs + windowPs);
      if (i % 7 !== 0) continue;
      for (const atPs of [nowPs, nowPs + windowPs - 1, nowPs + windowPs]) {
        const expected = ends.flatMap((endPs, index) => (endPs > atPs ? [index] : [])).reverse();
        expect(openAt(windows, atPs)).toEqual(expected);
      }
    }
  }
});

test('after a loss of power none is open', () => {
  const windows = new ReadWindows();
  windows.push(new Flight(0), windowPs, 0);
  windows.clear();
  expect(openAt(windows, 0)).toEqual([]);
  windows.push(new Flight(1), 2 * windowPs, windowPs);
  expect(openAt(windows, windowPs)).toEqual([1]);
});
