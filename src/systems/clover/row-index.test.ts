import { expect, test } from 'vitest';
import { keyOf } from '../../core/key.ts';
import { randomStream } from '../../core/random.ts';
import { RowIndex } from './row-index.ts';

test('finds what a map finds, through growth and removals', () => {
  const dice = randomStream(1, 'row index');
  const index = new RowIndex();
  const rows = new Map<number, number>();
  const keys = Array.from({ length: 400 }, (_, i) => keyOf(`user${i}`));
  for (let step = 0; step < 20_000; step++) {
    // Now few keys, now many: removals close gaps in a table of any size.
    const which = dice.below(1 + (step % 2000 < 1000 ? 6 : keys.length - 1));
    const key = keys[which]!;
    if (rows.delete(which)) index.remove(key);
    else {
      rows.set(which, which);
      index.add(key, which);
    }
    expect(index.size).toBe(rows.size);
    const asked = dice.below(keys.length);
    expect(index.find(keys[asked]!)).toBe(rows.get(asked) ?? -1);
  }
  for (const [i, key] of keys.entries()) expect(index.find(key)).toBe(rows.get(i) ?? -1);
});
