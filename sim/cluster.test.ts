import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { batch, cas, faa, read, readWord, write, writeWord } from '../src/core/effect.ts';
import { ringShape } from '../src/core/mailbox.ts';
import { RpcCaller, serve } from '../src/core/rpc.ts';
import { ClusterMap } from '../src/memory/cluster.ts';
import { SimCluster } from './cluster.ts';
import { parseProfile } from './profile.ts';

const cluster = new ClusterMap(
  [
    {
      name: 'mn0',
      role: 'memory',
      cores: 0,
      regions: [{ name: 'data', medium: 'dram', sizeBytes: 4096 }],
      peers: [],
    },
    { name: 'server', role: 'coordinator', cores: 1, regions: [], peers: ['cn0'] },
    { name: 'cn0', role: 'compute', cores: 1, regions: [], peers: ['server'] },
  ],
  ringShape(4, 64),
);
const profile = (name: string) =>
  parseProfile(JSON.parse(readFileSync(`sim/profiles/${name}.json`, 'utf8')), name);

test('verbs do what they say and take a round trip', () => {
  const sim = new SimCluster(cluster, {
    seed: 1,
    durability: 'assumed',
    profile: profile('ideal'),
  });
  const at = cluster.region(0, 'data').address;
  const seen: unknown[] = [];
  const { context } = sim.runtime(2);
  sim.runtime(2).start(
    (function* () {
      yield* writeWord(at, 5n);
      seen.push(context.nowNs(), yield* readWord(at), yield* cas(at, 5n, 7n), yield* faa(at, 3n));
      const into = new Uint8Array(16);
      yield* batch(write(at + 8, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)), read(at, into));
      seen.push([...into], context.nowNs(), context.counters.roundTrips);
    })(),
  );
  sim.run();
  expect(seen).toEqual([
    2000,
    5n,
    5n,
    7n,
    [10, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8],
    10000,
    5,
  ]);
});

for (const name of ['ideal', 'connectx4-100g', 'connectx5-100g']) {
  test(`a call is one round trip plus what the server waits for (${name})`, () => {
    const sim = new SimCluster(cluster, { seed: 1, durability: 'assumed', profile: profile(name) });
    const word = cluster.region(0, 'data').address;
    const server = sim.runtime(1);
    const client = sim.runtime(2);
    const port = server.context.hub.openPort();
    server.start(
      serve(server.context, port, function* (request) {
        yield* cas(word, 0n, 42n);
        return Uint8Array.from([...request.body].reverse());
      }),
      { daemon: true },
    );
    const seen: unknown[] = [];
    client.start(
      (function* () {
        const caller = new RpcCaller(client.context);
        for (let i = 0; i < 20; i++) {
          client.context.counters.reset(i + 1);
          const reply = yield* caller.call(1, port.id, Uint8Array.of(1, 2, i));
          seen.push([...reply], client.context.counters.roundTrips);
          expect(client.context.counters.verbs).toBe(5);
        }
        seen.push(yield* readWord(word));
      })(),
    );
    sim.run();
    expect(seen.slice(0, 4)).toEqual([[0, 2, 1], 2, [1, 2, 1], 2]);
    expect(seen.at(-1)).toBe(42n);
    expect(seen).toHaveLength(41);
  });
}
