import { describe, expect, test } from 'vitest';
import { benchKeys, CentralBench } from '../../../test/support/central-bench.ts';
import { writeWord } from '../../core/effect.ts';
import type { Key } from '../../core/key.ts';
import { recordBytes, recordHead } from '../../core/record.ts';
import { packWord } from '../../core/word.ts';
import type { System } from '../system.ts';
import { system as central } from './index.ts';
import type { CentralServer } from './server.ts';

const system = central as System;
const [key, other] = benchKeys as [Key, Key];

/** Two records in two copies each, at rest. */
function rested(): CentralBench {
  const bench = new CentralBench(system);
  bench.client(0, function* (client) {
    yield* client.insert(key);
    yield* client.insert(other);
    yield* client.put(key);
  });
  bench.run();
  bench.settle(benchKeys);
  return bench;
}

function coordinatorOf(bench: CentralBench) {
  return (bench.server as CentralServer).coordinator;
}

/** The first copy of `key`. */
function addressOf(bench: CentralBench): number {
  const { table } = coordinatorOf(bench);
  const entry = table.find(key.hash, key.bytes, 0, key.bytes.length);
  return table.address(entry, 0);
}

function recordLength(record: Uint8Array): number {
  const f = recordHead.field;
  return recordBytes(f.keyBytes.get(record, 0), f.valueBytes.get(record, 0));
}

function flipByte(bench: CentralBench, address: number): void {
  const word = new Uint8Array(8);
  bench.sim.inspect(address, word);
  word[3] = (word[3] as number) ^ 16;
  bench.sim.place(address, word);
}

describe('an audit', () => {
  test('of a store at rest finds every entry, and every buffer once', () => {
    const audit = rested().audit();
    expect(audit.entries.map((entry) => entry.key).sort()).toEqual(['x', 'yy']);
    expect(audit).toMatchObject({ reachable: 4, leaked: [], doubled: [], violations: [] });
    expect(audit.free).toBeGreaterThan(1000);
  });

  test('finds a damaged copy, a record that nobody names, and a damaged map', () => {
    const copy = rested();
    flipByte(copy, addressOf(copy) + 24);
    expect(copy.audit().violations).toEqual([expect.stringMatching(/the copy at .* is not whole/)]);

    const stray = rested();
    const at = addressOf(stray);
    const record = new Uint8Array(64 * 8);
    stray.sim.inspect(at, record);
    stray.client(0, (client) => client.delete(key));
    stray.run();
    stray.settle(benchKeys);
    expect(stray.audit().violations).toEqual([]);
    // The key is gone; its record, put back where it lay, would bring it back.
    stray.sim.place(at, record.subarray(0, recordLength(record)));
    expect(stray.audit().violations).toEqual([expect.stringMatching(/that no slot names/)]);

    const map = rested();
    const region = map.cluster.region(map.coordinator, 'map');
    flipByte(map, region.address + 64 + 8);
    expect(map.audit().violations).toContain('the persistent map is damaged');
  });

  test('finds leaked buffers and such as were freed while in use', () => {
    const leaking = rested();
    const { allocator } = coordinatorOf(leaking);
    const taken = [0, 0];
    allocator.allocate(100, taken);
    expect(leaking.audit().leaked.toSorted()).toEqual([...taken].sort());

    const doubled = rested();
    coordinatorOf(doubled).allocator.free(addressOf(doubled));
    expect(doubled.audit().doubled).toEqual([addressOf(doubled)]);
  });
});

test('a restart with a damaged map goes by what lies on the memory nodes', () => {
  const bench = rested();
  const region = bench.cluster.region(bench.coordinator, 'map');
  flipByte(bench, region.address + 64 + 8);
  bench.restartCoordinator();
  bench.settle(benchKeys);
  expect(bench.audit()).toMatchObject({ reachable: 4, leaked: [], doubled: [], violations: [] });
  expect(bench.errors).toEqual([]);
});

test('a restart puts a damaged copy right', () => {
  const bench = rested();
  flipByte(bench, addressOf(bench) + 24);
  bench.restartCoordinator();
  bench.settle(benchKeys);
  expect(bench.audit()).toMatchObject({ reachable: 4, leaked: [], doubled: [], violations: [] });
});

test('messages that are none do not end the coordinator, and are counted', () => {
  const bench = new CentralBench(system);
  const node = bench.compute(0);
  const { context } = bench.sim.runtime(node);
  const ring = bench.cluster.mailboxPeers(node).find((peer) => peer.node === bench.coordinator);
  bench.sim.runtime(node).start(
    (function* () {
      const envelope = { node: bench.coordinator, replyPort: 0, request: 1, flags: 0 };
      for (const port of [0, 1, 900]) {
        yield* context.hub.send(
          { ...envelope, port },
          new Uint8Array(40).fill(port),
          context.counters,
        );
      }
      const slot = 64 + 7 * (ring?.shape.slotBytes ?? 0);
      yield* writeWord((ring?.outbound ?? 0) + slot, packWord(8, 77));
    })(),
  );
  bench.run();
  bench.client(1, (client) => client.insert(key));
  bench.run();
  bench.settle([key]);
  expect(bench.errors).toEqual([]);
  expect(bench.server.statistics.events.malformed).toBeGreaterThan(0);
});
