import { expect, test } from 'vitest';
import { WarmUp } from './warm-up.ts';

/** The second after which verbs are warm; `ratePerS` of each second, the last for ever. */
function warmAfterS(ratePerS: readonly number[]): number {
  const warmUp = new WarmUp('verbs');
  let verbs = 0;
  for (let tenth = 0; tenth < 1000; tenth++) {
    if (warmUp.isWarm(verbs, 7e9 + tenth * 1e8)) return tenth / 10;
    verbs += (ratePerS[Math.floor(tenth / 10)] ?? (ratePerS.at(-1) as number)) / 10;
  }
  return Number.POSITIVE_INFINITY;
}

test('in virtual time a thousand verbs fill the queues', () => {
  const warmUp = new WarmUp('sim');
  expect(warmUp.isWarm(999, 1e15)).toBe(false);
  expect(warmUp.isWarm(1000, 0)).toBe(true);
});

test('many verbs are enough at once, and a level rate after five seconds', () => {
  expect(warmAfterS([1e6])).toBe(0.1);
  expect(warmAfterS([1000])).toBe(5);
});

test('a rate that rises is waited for, but not for ever', () => {
  expect(warmAfterS([100, 200, 300, 400, 600, 900, 1300, 1500])).toBe(8);
  expect(warmAfterS(Array.from({ length: 60 }, (_, i) => 1.3 ** i))).toBe(30);
});
