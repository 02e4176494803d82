import { expect, test } from 'vitest';
import { monotonicClock } from './clock.ts';

test('clocks of one origin agree with the platform’s, and never go back', () => {
  const originNs = process.hrtime.bigint();
  const clocks = [monotonicClock(originNs), monotonicClock(originNs)];
  let lastNs = [0, 0];
  for (let i = 0; i < 200; i++) {
    const beforeNs = Number(process.hrtime.bigint() - originNs);
    const nowNs = clocks.map((clock) => clock());
    const afterNs = Number(process.hrtime.bigint() - originNs);
    // Calibration is right to about one reading of the clock; 20 µs is a hundred of them.
    for (const [which, ns] of nowNs.entries()) {
      expect(ns).toBeGreaterThan(beforeNs - 20_000);
      expect(ns).toBeLessThan(afterNs + 20_000);
      expect(ns).toBeGreaterThanOrEqual(lastNs[which] as number);
    }
    lastNs = nowNs;
  }
});
