import { expect, test } from 'vitest';
import { inThreadNodes } from '../../test/support/in-thread.ts';
import { runTogether } from '../fabric/shared/loop.ts';
import type { SharedNode } from '../fabric/shared/node.ts';
import { ClusterMap } from '../memory/cluster.ts';
import { cas, readWord } from './effect.ts';
import { ringShape } from './mailbox.ts';
import { RpcCaller, serve } from './rpc.ts';

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

test('a call is one round trip plus what the server waits for', () => {
  const [server, client] = inThreadNodes(cluster) as [SharedNode, SharedNode];
  const word = cluster.region(0, 'data').address;
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
  runTogether([server, client]);
  expect(seen.slice(0, 4)).toEqual([[0, 2, 1], 2, [1, 2, 1], 2]);
  expect(seen.at(-1)).toBe(42n);
  expect(seen).toHaveLength(41);
});
