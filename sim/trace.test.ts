import { expect, test } from 'vitest';
import {
  batch,
  cas,
  compute,
  local,
  type Program,
  post,
  read,
  readWord,
  settle,
  spawn,
  write,
  writeWord,
} from '../src/core/effect.ts';
import { ringShape } from '../src/core/mailbox.ts';
import { RpcCaller, serve } from '../src/core/rpc.ts';
import { ClusterMap } from '../src/memory/cluster.ts';
import { SimBench, shippedProfile } from '../test/support/sim.ts';
import { type Hop, SimCluster } from './index.ts';
import type { ComputeTrace, LocalTrace, MessageTrace, VerbTrace } from './trace.ts';

class Recorder {
  readonly verbs: VerbTrace[] = [];
  readonly messages: MessageTrace[] = [];
  readonly locals: LocalTrace[] = [];
  readonly computes: ComputeTrace[] = [];
  verb(event: VerbTrace): void {
    this.verbs.push(event);
  }
  message(event: MessageTrace): void {
    this.messages.push(event);
  }
  local(event: LocalTrace): void {
    this.locals.push(event);
  }
  compute(event: ComputeTrace): void {
    this.computes.push(event);
  }
}

test('every verb is told with who, where, when, and what it changed', () => {
  const trace = new Recorder();
  const bench = new SimBench({ trace });
  const at = bench.base();
  const { counters } = bench.node().context;
  const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  bench.measure(function* () {
    bench.node().context.counters.reset(42);
    yield* write(at, bytes);
    yield* batch(readWord(at), cas(at, 0n, 1n));
    yield* post(writeWord(at, 5n));
    yield* spawn(
      (function* (): Program {
        yield* readWord(at);
      })(),
      'tidy up',
    );
    yield* readWord(at);
  });
  bench.measure(() => readWord(at));
  expect(counters.operation).toBe(0);
  const short = trace.verbs.map((v) => [v.label, v.operation, v.op, v.depth, v.postNs, v.actNs]);
  expect(short).toEqual([
    ['program', 42, 1, 0, 0, 1000],
    ['program', 42, 0, 1, 2000, 3000],
    ['program', 42, 2, 1, 2000, 3000],
    ['program', 42, 1, 2, 4000, 5000],
    ['program', 42, 0, 2, 4000, 5000],
    ['tidy up', 0, 0, 0, 4000, 5000],
    ['program', 0, 0, 0, 6000, 7000],
  ]);
  const [first, , swap, posted] = trace.verbs;
  expect(first).toMatchObject({ node: 1, target: 0, address: at, completeNs: 2000, status: 2 });
  expect([first?.before, first?.after]).toEqual([new Uint8Array(8), bytes]);
  expect([swap?.before, swap?.after]).toEqual([bytes, bytes]);
  expect(posted).toMatchObject({ awaited: false, after: Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0) });
  expect(trace.verbs[5]).toMatchObject({ background: true, awaited: true });
});

test('messages, local accesses and computation are told as well', () => {
  const trace = new Recorder();
  const region = { name: 'log', medium: 'pm', sizeBytes: 4096 } as const;
  const cluster = new ClusterMap(
    [
      { name: 'server', role: 'coordinator', cores: 1, regions: [region], peers: ['cn0'] },
      { name: 'cn0', role: 'compute', cores: 1, regions: [], peers: ['server'] },
    ],
    ringShape(4, 64),
  );
  const profile = shippedProfile('connectx4-100g');
  const sim = new SimCluster(cluster, { seed: 1, durability: 'flush', profile, trace });
  const [server, client] = [sim.runtime(0), sim.runtime(1)];
  const port = server.context.hub.openPort();
  const { address } = cluster.region(0, 'log');
  server.start(
    serve(server.context, port, function* (request) {
      yield* local.write(address, request.body.slice());
      yield* local.persist(address, 8);
      expect(yield* local.cas(address, 0n, 1n)).toBe(0x0807060504030201n);
      const back = new Uint8Array(8);
      yield* local.read(address, back);
      return back;
    }),
    { daemon: true, label: 'serve' },
  );
  client.start(
    (function* () {
      client.context.counters.reset(9);
      yield* compute('request');
      const body = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
      expect([...(yield* new RpcCaller(client.context).call(0, port.id, body))]).toEqual([...body]);
    })(),
  );
  sim.run();
  expect(trace.messages.map((m) => [m.label, m.node, m.from, m.reply, m.operation])).toEqual([
    ['serve', 0, 1, false, 9],
    ['program', 1, 0, true, 9],
  ]);
  expect(trace.locals.map((l) => l.access)).toEqual(['write', 'persist', 'cas', 'read']);
  for (const { startNs, endNs } of trace.locals) expect(endNs).toBeGreaterThan(startNs);
  expect(trace.computes[0]).toMatchObject({
    work: 'request',
    startNs: 0,
    endNs: profile.numbers.compute.request.fixedNs,
  });
  // The region survives with what was persisted and, by a coin, what was not.
  sim.crashMemory(0);
});

test('a hop delays, rewrites, answers or drops what passes it, and order holds', () => {
  const bench = new SimBench({
    profile: shippedProfile('ideal', { 'faults.retransmitNs': 10_000 }),
  });
  const at = bench.base();
  const seen: string[] = [];
  let drops = 4;
  const hop: Hop = {
    name: 'test switch',
    pass(transit, nowNs) {
      seen.push(`${transit.op} ${transit.address - at} at ${nowNs}`);
      if (transit.address === at + 8) return { action: 'forward', delayNs: 500 };
      if (transit.address === at + 16) transit.address = at + 24;
      if (transit.address === at + 32) return { action: 'answer', low: 7, high: 1 };
      if (transit.address === at + 40 && drops-- > 0) return { action: 'drop' };
      return { action: 'forward', delayNs: 0 };
    },
  };
  bench.sim.addHop(hop, { to: 0 });
  expect(bench.measure(() => writeWord(at + 8, 1n)).ns).toBe(2500);
  expect(bench.measure(() => writeWord(at + 16, 3n)).ns).toBe(2000);
  expect([bench.word(at + 16), bench.word(at + 24)]).toEqual([0n, 3n]);
  const answered = bench.measure(() => readWord(at + 32));
  expect([answered.result, answered.ns]).toEqual([0x1_0000_0007n, 2000]);
  // The later WRITE of the queue pair must not overtake the one that is sent three times.
  const { ns } = bench.measure(() => batch(writeWord(at + 40, 1n), writeWord(at + 40, 2n)));
  expect(ns).toBe(2000 + 2 * 11_000);
  expect(bench.word(at + 40)).toBe(2n);
  expect(seen[0]).toBe('1 8 at 1000');
});

test('what a hop drops for ever ends unknown, and breaks the queue pair', () => {
  const bench = new SimBench();
  bench.sim.addHop({ name: 'cut cable', pass: () => ({ action: 'drop' }) });
  const { result } = bench.measure(function* () {
    const verbs = [readWord(bench.base()), read(bench.base(), new Uint8Array(8))];
    yield* settle(...verbs);
    const later = readWord(bench.base());
    yield* settle(later);
    return [...verbs, later].map((verb) => verb.status);
  });
  expect(result).toEqual([4, 4, 3]);
});

test('statistics tell verbs, bytes and busy times of every node', () => {
  const profile = shippedProfile('connectx4-100g');
  const bench = new SimBench({ profile });
  bench.measure(function* () {
    yield* write(bench.base(), new Uint8Array(1024));
    yield* read(bench.base(), new Uint8Array(512));
    yield* cas(bench.base(), 0n, 1n);
  });
  const { nodes, events, overdueVerbs } = bench.sim.statistics();
  const [memory, client] = nodes;
  expect(client).toMatchObject({ role: 'compute', verbsOut: 3, bytesOut: 1032, bytesIn: 520 });
  expect(memory).toMatchObject({ role: 'memory', verbsIn: 3, bytesIn: 1032, bytesOut: 520 });
  expect(memory?.busyNs.pcieWrite).toBeCloseTo(1024 / 7.2, 0);
  const { postNs, doorbellNs, pollNs } = profile.numbers.cpu;
  expect(client?.usefulNs).toBe(3 * (postNs + doorbellNs + pollNs));
  expect([memory?.cores, client?.cores.length, overdueVerbs]).toEqual([[], 5, 0]);
  expect(events).toBeGreaterThan(6);
});
