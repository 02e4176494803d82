import { describe, expect, test } from 'vitest';
import { parseFault } from './parse.ts';

const wrong: readonly (readonly [string, RegExp])[] = [
  ['', /begins with crash, lose, move, partition, slow, flip/],
  ['crahs cn1 at 3ms', /; did you mean crash\?$/],
  ['crash cn1', /^crash … at a moment, such as at 3ms or at verb 5000$/],
  ['crash at 3ms', /^a sentence such as crash cn1 at verb 5000$/],
  ['crash cn1 cn2 at 3ms', /^a sentence such as crash cn1/],
  ['crash cn1 at noon', /^a time above 0 with its unit.*, not noon$/],
  ['crash cn1 at 3', /^a time above 0 with its unit/],
  ['crash cn1 at verb none', /^a whole number .*, not none$/],
  ['crash cn1 at verb 1..5', /^a range behind random only/],
  ['crash cn1 at random 3ms', /^random with a range/],
  ['crash cn1 at random 5ms..1ms', /begins before it ends, not 5ms\.\.1ms$/],
  [
    'crash cn1 at 3ms, keping old',
    /^a clause of landing.*, not "keping old"; did you mean keeping/,
  ],
  ['crash cn1 at 3ms, keeping odl', /^keeping old or new or random; did you mean old\?$/],
  ['crash cn1 at 3ms, landing', /^a value behind landing$/],
  ['crash cn1 at 3ms, for 2ms', /^no clause for here: it belongs to partition, slow/],
  ['crash cn1 at 3ms, untold, told after 1ms', /^told after or untold, not both$/],
  ['crash cn1 at 3ms, landing all, landing none', /^landing once$/],
  ['crash c at 3ms, restart after 1ms, standby after 1ms', /^restart after or standby after/],
  ['lose completions of mn0 at 3ms', /^a sentence such as lose completions from mn0 to cn1/],
  ['flip some bits of mn0 at 3ms', /^a whole number from 1 to 1000000.*, not some$/],
  ['partition cn0 at 3ms', /^a sentence such as partition cn0\+cn1 from mn0/],
];

test.each(wrong)('%j is refused', (sentence, says) => {
  const parsed = parseFault(sentence);
  expect('expected' in parsed ? parsed.expected : parsed).toMatch(says);
});

describe('a sentence becomes plain data', () => {
  test('with what it does not say filled in', () => {
    expect(parseFault('  crash   cn1 at verb 5k ')).toEqual({
      value: {
        text: 'crash cn1 at verb 5k',
        action: { kind: 'crash', node: 'cn1', landing: 'random', keeping: 'random' },
        moment: { kind: 'verb', from: 5000, to: 5000 },
        toldAfterNs: 1_000_000,
      },
    });
  });

  test('with ranges, other nodes’ verbs, and several nodes on a side', () => {
    expect(parseFault('partition cn0+cn1 from mn0 at random verb 1..9 of cn2, for 2us')).toEqual({
      value: {
        text: 'partition cn0+cn1 from mn0 at random verb 1..9 of cn2, for 2us',
        action: { kind: 'partition', left: ['cn0', 'cn1'], right: ['mn0'], forNs: 2000 },
        moment: { kind: 'verb', from: 1, to: 9, of: 'cn2' },
      },
    });
  });

  test('a slow node is nobody’s loss, unless the sentence says so', () => {
    const tolds = ['slow cn1 by 1us at 1ms', 'slow cn1 by 1us at 1ms, told after 2us'].map(
      (sentence) => (parseFault(sentence) as { value: { toldAfterNs?: number } }).value.toldAfterNs,
    );
    expect(tolds).toEqual([undefined, 2000]);
  });
});
