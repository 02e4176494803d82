import type { SystemNode } from '../../src/systems/system.ts';
import { benchKeys, type CentralBench } from './central-bench.ts';

const [x, yy] = benchKeys as [(typeof benchKeys)[number], (typeof benchKeys)[number]];

/** Four clients on two nodes, all operations, one key mostly. */
export function startClients(bench: CentralBench): void {
  bench.client(0, function* (client) {
    yield* client.insert(x);
    yield* client.put(x);
    yield* client.delete(x);
    yield* client.insert(x);
  });
  bench.client(0, function* (client) {
    yield* client.get(x);
    yield* client.put(x);
    yield* client.put(x);
    yield* client.get(x);
  });
  bench.client(1, function* (client) {
    yield* client.insert(yy);
    yield* client.insert(x);
    yield* client.delete(yy);
    yield* client.put(x);
  });
  bench.client(1, function* (client) {
    yield* client.get(x);
    yield* client.delete(x);
    yield* client.get(yy);
    yield* client.put(yy);
  });
}

/** Six clients, and all of them put and get one key. */
export function startRace(bench: CentralBench): void {
  for (let i = 0; i < 6; i++) {
    bench.client(i % 2, function* (client) {
      yield* client.insert(x);
      for (let round = 0; round < 4; round++) {
        yield* client.put(x);
        yield* client.get(x);
      }
    });
  }
}

/**
 * A standby takes over from a coordinator that is only slow. The clients of one node are told of it,
 * those of the other are not, and all go on.
 */
export function goOnBeside(bench: CentralBench): void {
  bench.settle([]);
  const fault = { ...bench.lost(bench.coordinator), successor: bench.standby() };
  bench.tell(bench.nodes[1] as SystemNode, bench.compute(1), fault);
  bench.run();
  startRace(bench);
  bench.run();
}
