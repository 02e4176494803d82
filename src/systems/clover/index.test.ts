import { expect, test } from 'vitest';
import { InThreadStore } from '../../../test/support/in-thread.ts';
import { keyOf } from '../../core/key.ts';
import { system } from './index.ts';

test('an entry is inserted, read, overwritten and deleted', () => {
  const store = new InThreadStore(system);
  const seen: unknown[] = [];
  store.run([
    {
      *program(client) {
        const key = keyOf('a');
        const into = new Uint8Array(4096);
        seen.push(yield* client.get(key, into));
        seen.push(yield* client.insert(key, Uint8Array.of(1, 2, 3)));
        seen.push(yield* client.get(key, into), into[2]);
        seen.push(yield* client.put(key, Uint8Array.of(4, 5)));
        seen.push(yield* client.get(key, into), into[1]);
        seen.push(yield* client.delete(key));
        seen.push(yield* client.get(key, into));
        seen.push(yield* client.insert(key, Uint8Array.of(9)));
        seen.push(yield* client.get(key, into), into[0]);
      },
    },
  ]);
  expect(seen).toEqual([undefined, true, 3, 3, true, 2, 5, true, undefined, true, 1, 9]);
});
