import { expect, test } from 'vitest';
import { randomHistory } from '../../test/support/random-histories.ts';
import { historyPromises, judge } from './judge.ts';

test.each(historyPromises)('what a real variable did holds: %s', (promise) => {
  for (let seed = 0; seed < 1000; seed++) {
    const history = randomHistory({
      ...{ seed, operations: 5 + (seed % 60), processes: 1 + (seed % 6), keys: 1 + (seed % 3) },
      ...{ failedPercent: 5, unknownPercent: seed % 40, beginPercent: seed % 2 === 0 ? 25 : 80 },
    });
    expect(judge(history, promise), `seed ${seed}`).toEqual({ status: 'holds' });
  }
});
