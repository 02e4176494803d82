import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Program } from '../../core/effect.ts';
import { EntryLocks } from './entry-locks.ts';

/** Takes a lock, holds it for some turns and leaves it; each yield is a turn. */
function* visit(
  locks: EntryLocks,
  entry: number,
  writes: boolean,
  holds: number,
  log: { enter(): void; leave(): void },
): Program<void> {
  if (writes) {
    if (!locks.tryWrite(entry)) yield* locks.awaitWrite(entry);
  } else if (!locks.tryRead(entry)) yield* locks.awaitRead(entry);
  log.enter();
  for (let i = 0; i < holds; i++) yield undefined as never;
  log.leave();
  if (writes) locks.unlockWrite(entry);
  else locks.unlockRead(entry);
}

describe('entry locks', () => {
  test('admit readers together and writers alone, serve in order, and let everyone through', () => {
    const visits = fc.array(
      fc.record({ writes: fc.boolean(), holds: fc.integer({ min: 0, max: 4 }), entry: fc.nat(1) }),
      { minLength: 2, maxLength: 12 },
    );
    fc.assert(
      fc.property(visits, fc.array(fc.nat(), { minLength: 400, maxLength: 400 }), (all, order) => {
        const locks = new EntryLocks(2);
        const inside = [new Set<number>(), new Set<number>()];
        const entered: number[][] = [[], []];
        const running = all.map(({ writes, holds, entry }, id) => ({
          id,
          entry,
          started: false,
          program: visit(locks, entry, writes, holds, {
            enter() {
              const there = inside[entry] as Set<number>;
              if (writes) expect(there.size).toBe(0);
              for (const other of there) expect(all[other]?.writes).toBe(false);
              there.add(id);
              entered[entry]?.push(id);
            },
            leave: () => inside[entry]?.delete(id),
          }),
        }));
        const arrived: number[][] = [[], []];
        for (const choice of order) {
          const at = choice % running.length;
          const next = running[at];
          if (next === undefined) break;
          if (!next.started) arrived[next.entry]?.push(next.id);
          next.started = true;
          if (next.program.next().done === true) running.splice(at, 1);
          if (running.length === 0) break;
        }
        for (const { program } of running) while (program.next().done !== true);
        for (const entry of [0, 1]) {
          expect(entered[entry]).toHaveLength(all.filter((v) => v.entry === entry).length);
          // A writer never enters before someone who arrived earlier, nor after someone who came
          // later.
          for (const [at, id] of (arrived[entry] as number[]).entries()) {
            if (all[id]?.writes !== true) continue;
            expect(new Set(entered[entry]?.slice(0, at))).toEqual(
              new Set(arrived[entry]?.slice(0, at)),
            );
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  test('a waiting writer stops new readers, so a stream of them cannot starve it', () => {
    const locks = new EntryLocks(1);
    expect(locks.tryRead(0)).toBe(true);
    const writer = locks.awaitWrite(0);
    writer.next();
    expect(locks.tryRead(0)).toBe(false);
    locks.unlockRead(0);
    expect(locks.tryRead(0)).toBe(false);
    expect(writer.next().done).toBe(true);
    locks.unlockWrite(0);
    expect(locks.tryRead(0)).toBe(true);
    expect(locks.waits).toBe(1);
  });

  test('a waiter that gives up lets those behind it in', () => {
    const locks = new EntryLocks(1);
    locks.tryRead(0);
    const writer = locks.awaitWrite(0);
    writer.next();
    const reader = locks.awaitRead(0);
    reader.next();
    expect(() => {
      while (writer.next().done !== true);
    }).toThrow(expect.objectContaining({ code: 'FARSIDE_LIMIT' }));
    expect(reader.next().done).toBe(true);
    locks.unlockRead(0);
    locks.unlockRead(0);
    expect(locks.tryWrite(0)).toBe(true);
  });
});
