import {
  cas,
  type Program,
  readWord,
  receive,
  sleep,
  writeWord,
} from '../../../src/core/effect.ts';
import { type Port, slotHeadBytes } from '../../../src/core/message.ts';
import { RpcCaller, serve } from '../../../src/core/rpc.ts';
import { bodyBytesMax, counted, pattern, type Scenario, type Stage } from '../scenario.ts';

const messages = 100;

function* send(stage: Stage, to: string, port: number, body: Uint8Array): Program<void> {
  const envelope = { node: stage.id(to), port, replyPort: 0, request: 0, flags: 0 };
  yield* stage.context.hub.send(envelope, body, stage.context.counters);
}

/** Sends messages of every length, each with its number in its pattern. */
function* sendMany(stage: Stage, to: string, port: number, seed: number): Program<void> {
  for (let i = 0; i < messages; i++) {
    yield* send(stage, to, port, pattern(i % (bodyBytesMax + 1), seed + i));
  }
}

/**
 * Receives as many and gives the numbers of those that were not what `sendMany` sent in that place.
 */
function* receiveMany(port: Port, seed: number): Program<number[]> {
  const wrong: number[] = [];
  for (let i = 0; i < messages; i++) {
    const message = yield* receive(port);
    const expected = pattern(i % (bodyBytesMax + 1), seed + i);
    if (message === undefined || Buffer.compare(message.body, expected) !== 0) wrong.push(i);
  }
  return wrong;
}

/** A server that CASes `casses` times for each request and answers with the body reversed. */
function echo(casses: number): (stage: Stage) => Program<unknown> {
  return (stage) =>
    serve(stage.context, stage.context.hub.openPort(), function* (request) {
      for (let i = 0; i < casses; i++) yield* cas(stage.at(0), 1n, 1n);
      return Uint8Array.from(request.body).reverse();
    });
}

const flow: readonly Scenario[] = [1, 2, 3, 4, 16].map((slots) => ({
  name: `one-way traffic arrives whole, once and in order through a ring of ${slots}`,
  slots,
  programs: {
    cn0: [(stage) => sendMany(stage, 'cn1', 0, 5)],
    cn1: [({ context }) => receiveMany(context.hub.openPort(), 5)],
  },
  verify: ({ cn1 }, expect) => expect(cn1?.[0]).toEqual([]),
}));

const exchange: readonly Scenario[] = [
  {
    name: 'two nodes that flood each other both get everything',
    slots: 2,
    programs: Object.fromEntries(
      [
        ['cn0', 'cn1'],
        ['cn1', 'cn0'],
      ].map(([own, other]) => [
        own,
        [
          (stage: Stage) => sendMany(stage, other as string, 0, 9),
          ({ context }: Stage) => receiveMany(context.hub.openPort(), 9),
        ],
      ]),
    ),
    verify: ({ cn0, cn1 }, expect) => expect([cn0?.[1], cn1?.[1]]).toEqual([[], []]),
  },
  {
    name: 'a message reaches the port that it names, and who waits there longest',
    programs: {
      cn0: [
        function* (stage) {
          // The three receivers are waiting when the first message is sent.
          yield* sleep(3e6);
          for (const port of [1, 0, 0]) yield* send(stage, 'cn1', port, Uint8Array.of(port));
        },
      ],
      cn1: (() => {
        const ports = new WeakMap<Stage, Port>();
        const first = (stage: Stage): Port => {
          const port = ports.get(stage) ?? stage.context.hub.openPort();
          ports.set(stage, port);
          return port;
        };
        return [
          (stage) => bodies(first(stage)),
          (stage) => bodies(first(stage)),
          (stage) => bodies(stage.context.hub.openPort()),
        ] satisfies Scenario['programs'][string];
      })(),
    },
    verify: ({ cn1 }, expect) => expect(cn1).toEqual([[0], [0], [1]]),
  },
  {
    name: 'a receive ends at its time-out, and the message that comes later is for the next one',
    programs: {
      cn0: [
        function* (stage) {
          while ((yield* readWord(stage.at(0))) === 0n) yield* sleep(1e5);
          yield* send(stage, 'cn1', 0, Uint8Array.of(7));
        },
      ],
      cn1: [
        function* ({ context, at }) {
          const port = context.hub.openPort();
          const startNs = context.nowNs();
          const nothing = yield* receive(port, { timeoutNs: 1e6 });
          const waitedNs = context.nowNs() - startNs;
          const now = yield* receive(port, { timeoutNs: 0 });
          yield* writeWord(at(0), 1n);
          const message = yield* receive(port, { timeoutNs: 60e9 });
          return [nothing, waitedNs >= 1e6, now, message?.body[0], message?.from === undefined];
        },
      ],
    },
    verify: ({ cn1 }, expect) => expect(cn1?.[0]).toEqual([undefined, true, undefined, 7, false]),
  },
  {
    name: 'refused: a message longer than a slot',
    programs: {
      cn0: [(stage) => send(stage, 'cn1', 0, new Uint8Array(bodyBytesMax + 1))],
      cn1: [({ context }) => receiveMany(context.hub.openPort(), 0)],
    },
    verify: () => {},
    fails: { code: 'FARSIDE_LIMIT', message: /65 B does not fit a slot/ },
  },
];

function* bodies(port: Port): Program<number[]> {
  return [...((yield* receive(port))?.body ?? [])];
}

const calls: readonly Scenario[] = [
  {
    name: 'a call costs one round trip and what its server waits for, with all volumes',
    daemons: { server: [echo(2)] },
    programs: {
      cn0: [
        function* (stage) {
          const { context } = stage;
          const caller = new RpcCaller(context);
          const seen: unknown[] = [];
          for (let i = 0; i < 20; i++) {
            context.counters.reset(i + 1);
            const reply = yield* caller.call(stage.id('server'), 0, Uint8Array.of(1, 2, i));
            seen.push([[...reply], counted(context.counters)]);
          }
          return seen;
        },
      ],
    },
    verify: ({ cn0 }, expect) => {
      const message = slotHeadBytes + 8;
      const cost = {
        roundTrips: 3,
        verbs: 2 + 2 + 2,
        doorbells: 1 + 2 + 1,
        bytesOut: message + 16 + message,
        bytesIn: 16,
      };
      expect(cn0?.[0]).toEqual(Array.from({ length: 20 }, (_, i) => [[i, 2, 1], cost]));
    },
  },
  {
    name: 'a call that its server answers by another call counts the whole chain',
    daemons: {
      back: [echo(1)],
      front: [
        (stage) => {
          const port = stage.context.hub.openPort();
          const caller = new RpcCaller(stage.context);
          return serve(stage.context, port, (request) =>
            caller.call(stage.id('back'), 0, Uint8Array.from(request.body)),
          );
        },
      ],
    },
    programs: {
      cn0: [
        function* (stage) {
          const caller = new RpcCaller(stage.context);
          stage.context.counters.reset(1);
          const reply = yield* caller.call(stage.id('front'), 0, Uint8Array.of(1, 2, 3));
          return [[...reply], stage.context.counters.roundTrips, stage.context.counters.verbs];
        },
      ],
    },
    verify: ({ cn0 }, expect) => expect(cn0?.[0]).toEqual([[3, 2, 1], 3, 9]),
  },
  {
    name: 'many callers on two nodes get their own replies from one server with two cores',
    daemons: {
      server: (() => {
        const ports = new WeakMap<Stage, Port>();
        const core = (stage: Stage): Program<unknown> => {
          const port = ports.get(stage) ?? stage.context.hub.openPort();
          ports.set(stage, port);
          return serve(stage.context, port, function* (request) {
            yield* cas(stage.at(0), 1n, 1n);
            return Uint8Array.from(request.body);
          });
        };
        return [core, core];
      })(),
    },
    slots: 2,
    programs: Object.fromEntries(
      ['cn0', 'cn1'].map((name) => [
        name,
        [0, 1, 2, 3].map((program) => (stage: Stage) => callOften(stage, program)),
      ]),
    ),
    verify: ({ cn0, cn1 }, expect) =>
      expect([cn0, cn1]).toEqual([
        [0, 0, 0, 0],
        [0, 0, 0, 0],
      ]),
  },
];

/** Gives the number of replies that were not this program's own. */
function* callOften(stage: Stage, program: number): Program<number> {
  const caller = new RpcCaller(stage.context);
  let wrong = 0;
  for (let i = 0; i < 25; i++) {
    const body = Uint8Array.of(stage.context.node, program, i);
    const reply = yield* caller.call(stage.id('server'), 0, body);
    if (Buffer.compare(reply, body) !== 0) wrong++;
  }
  return wrong;
}

export const messageScenarios: readonly Scenario[] = [...flow, ...exchange, ...calls];
