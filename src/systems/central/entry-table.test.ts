import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EntryTable } from './entry-table.ts';

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));

describe('the entry table', () => {
  test('agrees with a Map, also where all keys share a few hashes', () => {
    const names = Array.from({ length: 12 }, (_, i) => `key ${i}`);
    const steps = fc.array(fc.record({ name: fc.constantFrom(...names), adds: fc.boolean() }), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 4 }), (all, hashes) => {
        const table = new EntryTable(8, 2);
        const model = new Map<string, number>();
        const hashOf = (name: string): number => (name.length * 7 + name.charCodeAt(4)) % hashes;
        for (const { name, adds } of all) {
          const key = bytesOf(`--${name}`);
          const found = table.find(hashOf(name), key, 2, key.length - 2);
          expect(found).toBe(model.get(name) ?? -1);
          if (adds && found < 0) {
            const entry = table.add(hashOf(name), key.slice(2));
            expect(entry < 0).toBe(model.size === 8);
            if (entry < 0) continue;
            expect([...model.values()]).not.toContain(entry);
            expect(table.sequence[entry]).toBe(0);
            table.live[entry] = 1;
            model.set(name, entry);
          } else if (!adds && found >= 0) {
            table.live[found] = 0;
            table.dropIfUnused(found);
            model.delete(name);
          }
          expect(table.entries).toBe(model.size);
        }
      }),
    );
  });

  test('keeps a dead entry while someone refers to it or a record of it may be whole', () => {
    const table = new EntryTable(1, 1);
    const key = bytesOf('k');
    const entry = table.add(5, key);
    table.pin(entry);
    table.unsettled[entry] = 1;
    table.unpin(entry);
    expect(table.find(5, key, 0, 1)).toBe(entry);
    table.unsettled[entry] = 0;
    table.dropIfUnused(entry);
    expect(table.find(5, key, 0, 1)).toBe(-1);
    expect(table.bytes).toBe(0);
    expect(() => table.unpin(entry)).toThrow(/not pinned/);
  });

  test('gives addresses back as they were set', () => {
    const table = new EntryTable(3, 3);
    table.setAddresses(1, [2 ** 52 - 8, 16, 24]);
    expect(table.addresses(1)).toEqual([2 ** 52 - 8, 16, 24]);
    expect([0, 1, 2].map((copy) => table.address(1, copy))).toEqual([2 ** 52 - 8, 16, 24]);
    expect(table.addresses(0)).toEqual([0, 0, 0]);
  });
});
