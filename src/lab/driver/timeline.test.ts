import { expect, test } from 'vitest';
import { addTimelines, TimelineBook } from './timeline.ts';

function total({ counts }: { readonly counts: readonly number[] }): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

test('a timeline of any length has a bounded number of intervals, and loses nothing', () => {
  const book = new TimelineBook();
  for (let i = 0; i < 10_000; i++) book.ended(5_000_000 + i * 777);
  const timeline = book.timeline();
  expect(total(timeline)).toBe(10_000);
  expect(timeline.counts.length).toBeGreaterThan(64);
  expect(timeline.counts.length).toBeLessThanOrEqual(256);
  expect(timeline.first).toBe(Math.floor(5_000_000 / timeline.widthNs));
});

test('each operation stands in the interval in which it ended, whatever came before', () => {
  const book = new TimelineBook();
  for (const nowNs of [9500, 2000, 2999, 500_000]) book.ended(nowNs);
  const { widthNs, first, counts } = book.timeline();
  for (const nowNs of [9500, 2000, 500_000]) {
    expect(counts[Math.floor(nowNs / widthNs) - first]).toBeGreaterThan(0);
  }
  expect(total({ counts })).toBe(4);
});

test('timelines of processes are added by time, at the widest intervals', () => {
  const [short, long] = [new TimelineBook(), new TimelineBook()];
  for (const nowNs of [3000, 4000, 5000]) short.ended(nowNs);
  for (let i = 0; i < 1000; i++) long.ended(i * 1000);
  const sum = addTimelines([short.timeline(), long.timeline(), new TimelineBook().timeline()]);
  expect(sum.widthNs).toBe(long.timeline().widthNs);
  expect(total(sum)).toBe(1003);
  expect(sum.counts[0]).toBe((long.timeline().counts[0] ?? 0) + (sum.widthNs > 5000 ? 3 : 1));
});
