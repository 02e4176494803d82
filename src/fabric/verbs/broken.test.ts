import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeOnFake } from '../../../test/support/verbs.ts';
import { globalAddress } from '../../core/address.ts';
import {
  atomicWrite,
  batch,
  fence,
  flush,
  type Program,
  post,
  read,
  readWord,
  reconnect,
  settle,
  verbStatus,
  wait,
  write,
  writeWord,
} from '../../core/effect.ts';
import { ringShape } from '../../core/mailbox.ts';
import { ClusterMap } from '../../memory/cluster.ts';
import { loadAddon } from './addon.ts';
import { Carrier } from './carrier.ts';
import { fenceAt } from './connect.ts';
import { MemoryServer } from './memory-server.ts';
import type { Native, Qp } from './native.ts';
import { VerbsNode } from './node.ts';
import { ownMemory, servedRegions } from './own-memory.ts';
import { Station } from './station.ts';
import { Targets } from './targets.ts';

const host = '127.0.0.1';
const { ok, failed, unknown } = verbStatus;
const regions = [{ name: 'data', medium: 'dram', sizeBytes: 1 << 16 }] as const;
const map = new ClusterMap(
  [
    { name: 'mn0', role: 'memory', cores: 0, regions, peers: [] },
    { name: 'cn0', role: 'compute', cores: 1, regions: [...regions], peers: [] },
  ],
  ringShape(1, 64),
);

/** One node in this thread, on the fake device, whose queue pairs a test can break. */
describeOnFake('a queue pair that breaks', () => {
  let native: Native;
  let server: MemoryServer;
  let station: Station;
  let node: VerbsNode;
  let made: Qp[];
  let openNode: (queuePairs: number | undefined, isBare?: boolean) => VerbsNode;
  const at = (offset: number): number => globalAddress(0, offset);

  const serve = (incarnation: number, port = 0): MemoryServer =>
    new MemoryServer(native, {
      provider: 'fake',
      host,
      port,
      incarnation,
      regions: servedRegions(map.node(0), new SharedArrayBuffer(1 << 16)),
    });

  const run = async <T>(program: () => Program<T>): Promise<T> => {
    let result: T | undefined;
    node.start(
      (function* () {
        result = yield* program();
      })(),
    );
    while (node.foreground > 0) {
      node.turn();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return result as T;
  };

  beforeEach(() => {
    native = loadAddon();
    server = serve(70);
    const own = ownMemory(native, map.node(1), undefined);
    const options = { provider: 'fake', device: 'fake0', incarnation: 9, messagesMax: 1 } as const;
    station = new Station(native, { ...options, node: map.node(1), own });
    const destinations = [
      { host, port: server.port },
      { host, port: station.server.port },
    ];
    made = [];
    openNode = (queuePairs, isBare = false) =>
      new VerbsNode(map, {
        node: 1,
        incarnation: 1,
        seed: 1,
        durability: 'assumed',
        clockNs: () => performance.now() * 1e6,
        verbBoundNs: 1e9,
        own: own.buffer,
        queuePairs,
        carrier: (completed) =>
          new Carrier({
            ...station,
            targets: new Targets(map),
            destinations,
            incarnation: 9,
            inlineBytesMax: station.capabilities.inlineBytes,
            flushBy: isBare ? 'read' : 'flush',
            atomicWrite: !isBare,
            queuePair: (device) => {
              const qp = station.queuePair(device);
              made.push(qp);
              return qp;
            },
            completed,
          }),
        fence: (where, incarnation) =>
          fenceAt(station.hub, destinations[where] as never, incarnation),
      });
    node = openNode(undefined);
  });
  afterEach(() => {
    node.carrier.close();
    station.close();
    server.close();
  });

  test('ends the verb and those behind it unknown, and later ones failed', async () => {
    const statuses = await run(function* () {
      yield* writeWord(at(0), 5n);
      native.fakeFault(made[0] as Qp, { after: 1 });
      const verbs = [readWord(at(0)), writeWord(at(8), 1n), readWord(at(8))];
      yield* settle(...verbs);
      const late = readWord(at(0));
      yield* settle(late);
      return [...verbs, late].map(({ status }) => status);
    });
    expect(statuses).toEqual([ok, unknown, unknown, failed]);
  });

  test('a device without FLUSH and ATOMIC_WRITE: a READ and a fenced WRITE stand in', async () => {
    node.carrier.close();
    node = openNode(undefined, true);
    const words = await run(function* () {
      const before = readWord(at(0));
      const after = readWord(at(0));
      yield* settle(before, atomicWrite(at(0), 7n), flush(at(0), 8), after);
      return [before.word, after.word];
    });
    expect(words).toEqual([0n, 7n]);
  });

  test('says why; after a reconnect the program goes on', async () => {
    const [message, word] = await run(function* () {
      yield* writeWord(at(0), 5n);
      native.fakeFault(made[0] as Qp, {});
      let said = '';
      try {
        yield* batch(readWord(at(0)));
      } catch (error) {
        said = (error as Error).message;
      }
      yield* reconnect(0);
      return [said, yield* readWord(at(0))];
    });
    expect(message).toMatch(/^READ of 8 B at 0:0x0: unknown \(RETRY_EXC_ERR/);
    expect(word).toBe(5n);
    expect(made).toHaveLength(2);
  });

  test('a device that is removed ends what is outstanding unknown, and says so afterwards', async () => {
    const [statuses, message] = await run(function* () {
      yield* writeWord(at(0), 5n);
      native.fakeHold(made[0] as Qp);
      const verbs = [readWord(at(0)), writeWord(at(8), 1n)];
      const tickets = yield* post(...verbs);
      native.fakeRemoveDevice();
      yield* wait(tickets);
      let said = '';
      try {
        yield* readWord(at(0));
      } catch (error) {
        said = (error as Error).message;
      }
      return [verbs.map(({ status }) => status), said] as const;
    });
    expect(statuses).toEqual([unknown, unknown]);
    expect(message).toMatch(/^READ of 8 B at 0:0x0: failed \(the RDMA device was removed/);
  });

  test('root programs share as many queue pairs as were asked for', async () => {
    const writers = (queuePairs: number | undefined): Promise<number> => {
      made = [];
      node = openNode(queuePairs);
      for (let i = 0; i < 5; i++) {
        node.start(
          (function* () {
            for (let word = 0; word < 20; word++) yield* writeWord(at(8 * i), BigInt(word));
          })(),
        );
      }
      return run(function* () {
        yield* writeWord(at(40), 1n);
        return made.length;
      });
    };
    expect(await writers(undefined)).toBe(6);
    expect(await writers(2)).toBe(2);
  });

  test('a queue pair that works is not replaced', async () => {
    await run(function* () {
      yield* post(writeWord(at(0), 1n));
      yield* reconnect(0);
      expect(yield* readWord(at(0))).toBe(1n);
    });
    expect(made).toHaveLength(1);
  });

  test('a node that started anew is told by its new regions', async () => {
    const { port } = server;
    const word = await run(function* () {
      yield* writeWord(at(0), 5n);
      server.close();
      server = serve(71, port);
      yield* settle(readWord(at(0)));
      yield* reconnect(0);
      return yield* readWord(at(0));
    });
    expect(word).toBe(0n);
  });

  test('after a fence nothing of the incarnation takes effect, and it stays out', async () => {
    const [statuses, reason] = await run(function* () {
      yield* writeWord(at(0), 5n);
      yield* fence(0, 9);
      const first = writeWord(at(0), 6n);
      yield* settle(first);
      yield* reconnect(0);
      const second = writeWord(at(0), 7n);
      yield* settle(second);
      return [[first.status, second.status], second.reason] as const;
    });
    expect(statuses[0]).not.toBe(ok);
    expect(statuses[1]).toBe(failed);
    expect(reason).toBe('this incarnation is fenced');
  });

  test('more verbs, and longer ones, than ring and staging hold at once go through', async () => {
    const sum = await run(function* () {
      const source = new Uint8Array(32_768).fill(3);
      const writes = Array.from({ length: 4000 }, (_, i) => write(at(32_768 * (i % 2)), source));
      const completed = yield* wait(yield* post(...writes));
      const into = new Uint8Array(65_536);
      yield* read(at(0), into);
      return [completed, into.every((byte) => byte === 3)];
    });
    expect(sum).toEqual([4000, true]);
  });
});
