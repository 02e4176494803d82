import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { globalAddress, nodeOf, offsetOf } from './address.ts';
import { Counters } from './counters.ts';
import { type Effect, effectKind, type Program, type Verb, verbStatus } from './effect.ts';
import { MailboxHub, type MailboxPeer, type RingShape, ringBytes, ringShape } from './mailbox.ts';
import { type Message, slotHeadBytes } from './message.ts';
import { loadHalf, packWord, storeWord } from './word.ts';

/** Nodes that all exchange messages, and WRITEs between them that land when the test says so. */
class Post {
  readonly hubs: MailboxHub[];
  readonly memory: Uint8Array[];
  readonly shape: RingShape;
  /**
   * Doorbells of the programs: each holds WRITEs that land in order, on a queue pair of its own.
   */
  readonly flying: Verb<unknown>[][] = [];

  constructor(nodes: number, shape: RingShape, firstMessage = 0) {
    this.shape = shape;
    this.memory = Array.from({ length: nodes }, () => new Uint8Array(nodes * ringBytes(shape)));
    this.hubs = this.memory.map((bytes, node) => {
      const peers = this.memory.flatMap((_, peer): MailboxPeer[] =>
        peer === node
          ? []
          : [
              {
                node: peer,
                shape,
                inbound: this.#ring(node, peer),
                outbound: this.#ring(peer, node),
              },
            ],
      );
      return new MailboxHub(
        {
          loadLow: (address) => loadHalf(bytes, offsetOf(address)),
          loadHigh: (address) => loadHalf(bytes, offsetOf(address) + 4),
          copyOut: (address, into) =>
            into.set(bytes.subarray(offsetOf(address)).subarray(0, into.length)),
        },
        peers,
        firstMessage,
      );
    });
  }

  #ring(owner: number, sender: number): number {
    return globalAddress(owner, sender * ringBytes(this.shape));
  }

  /** Runs a program until it ends or sleeps; true if it ended. What it posts starts to fly. */
  step(program: Program<unknown>): boolean {
    for (;;) {
      const { done, value } = program.next();
      if (done === true) return true;
      const effect = value as Effect;
      if (effect.kind === effectKind.sleep) return false;
      if (effect.kind === effectKind.batch) {
        for (const verb of effect.verbs) this.#land(verb);
      } else if (effect.kind === effectKind.post) this.flying.push([...effect.verbs]);
      else throw new Error(`a mailbox yields no effect of kind ${effect.kind}`);
    }
  }

  /** Lands the next WRITE of the flying doorbell with that number. */
  land(doorbell: number): void {
    const verbs = this.flying[doorbell] as Verb<unknown>[];
    this.#land(verbs.shift() as Verb<unknown>);
    if (verbs.length === 0) this.flying.splice(doorbell, 1);
  }

  landAll(): void {
    while (this.flying.length > 0) this.land(0);
  }

  #land(verb: Verb<unknown>): void {
    const bytes = this.memory[nodeOf(verb.address)] as Uint8Array;
    if (verb.buffer === undefined) storeWord(bytes, offsetOf(verb.address), verb.operand);
    else bytes.set(verb.buffer, offsetOf(verb.address));
    verb.status = verbStatus.ok;
  }

  send(
    from: number,
    to: number,
    body: Uint8Array,
    { port = 0, timeoutNs }: { readonly port?: number; readonly timeoutNs?: number } = {},
  ): Program<void> {
    const envelope = { node: to, port, replyPort: 0, request: 0, flags: 0 };
    return (this.hubs[from] as MailboxHub).send(envelope, body, new Counters(), timeoutNs);
  }
}

const bodyOf = (n: number): Uint8Array => Uint8Array.from({ length: 1 + (n % 50) }, () => n);

describe('a ring', () => {
  test('delivers every message once, whole and in order, however its WRITEs land', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom(0, 2 ** 32 - 7, 2 ** 33 - 7),
        fc.array(fc.nat(99), { minLength: 20, maxLength: 120 }),
        (slots, firstMessage, choices) => {
          const post = new Post(2, ringShape(slots, 56), firstMessage);
          const port = post.hubs[1]?.openPort();
          let sent = 0;
          let waiting: Program<void>[] = [];
          for (const choice of choices) {
            if (choice < 40) waiting.push(post.send(0, 1, bodyOf(sent++)));
            waiting = waiting.filter((program) => !post.step(program));
            if (choice >= 40 && post.flying.length > 0) post.land(choice % post.flying.length);
            if (choice % 3 === 0) post.hubs[1]?.poll();
            if (choice % 5 === 0 && post.hubs[1]?.owesCredits()) {
              expect(post.step(post.hubs[1].returnCredits())).toBe(true);
            }
          }
          for (let turns = 0; turns < 4 * choices.length; turns++) {
            waiting = waiting.filter((program) => !post.step(program));
            post.landAll();
            post.hubs[1]?.poll();
            if (post.hubs[1]?.owesCredits()) post.step(post.hubs[1].returnCredits());
          }
          expect(waiting).toEqual([]);
          expect(port?.queue.map((m) => [...m.body].map((b) => b))).toEqual(
            Array.from({ length: sent }, (_, n) => [...bodyOf(n)]),
          );
        },
      ),
      { numRuns: 200 },
    );
  });

  test('that is full makes senders wait, and takes none of its messages twice', () => {
    const post = new Post(2, ringShape(3, 8));
    const port = post.hubs[1]?.openPort();
    for (let n = 0; n < 3; n++) expect(post.step(post.send(0, 1, bodyOf(0)))).toBe(true);
    const fourth = post.send(0, 1, bodyOf(0));
    post.landAll();
    expect(post.step(fourth)).toBe(false);
    post.hubs[1]?.poll();
    post.hubs[1]?.poll();
    expect(port?.queue).toHaveLength(3);
    expect(post.step(fourth)).toBe(false);
    expect(post.hubs[1]?.owesCredits()).toBe(true);
    post.step((post.hubs[1] as MailboxHub).returnCredits());
    expect(post.hubs[1]?.owesCredits()).toBe(false);
    expect(post.step(fourth)).toBe(true);
  });

  test('needs no credit WRITEs where messages go both ways', () => {
    const post = new Post(2, ringShape(4, 8));
    const ports = post.hubs.map((hub) => hub.openPort());
    for (let n = 0; n < 50; n++) {
      for (const [from, to] of [
        [0, 1],
        [1, 0],
      ] as const) {
        expect(post.step(post.send(from, to, bodyOf(0)))).toBe(true);
        post.landAll();
        post.hubs[to]?.poll();
        expect(post.hubs[to]?.owesCredits()).toBe(false);
      }
    }
    expect(ports.map((port) => port.queue.length)).toEqual([50, 50]);
  });

  test('is not held up by a port whose program is slow', () => {
    const post = new Post(2, ringShape(2, 8));
    const [, quick] = [post.hubs[1]?.openPort(), post.hubs[1]?.openPort()];
    for (let n = 0; n < 20; n++) {
      expect(post.step(post.send(0, 1, bodyOf(0), { port: n % 2 }))).toBe(true);
      post.landAll();
      post.hubs[1]?.poll();
      if (post.hubs[1]?.owesCredits()) post.step(post.hubs[1].returnCredits());
    }
    expect(quick?.queue).toHaveLength(10);
  });

  test('refuses to send what is too long, and drops what is malformed', () => {
    const post = new Post(2, ringShape(2, 16));
    const [hub] = post.hubs as [MailboxHub];
    const port = hub.openPort();
    const ring = ringBytes(post.shape);
    const arrive = (): void => {
      post.landAll();
      hub.poll();
      hub.poll();
    };
    expect(() => post.step(post.send(1, 0, new Uint8Array(17)))).toThrow(/17 B does not fit/);
    storeWord(post.memory[0] as Uint8Array, ring + 64, 99n);
    arrive();
    expect(hub.malformed).toBe(1);
    post.step(post.send(1, 0, bodyOf(0), { port: 7 }));
    arrive();
    expect(hub.malformed).toBe(2);
    post.step(post.send(1, 0, bodyOf(1)));
    const slotBytes = slotHeadBytes + 16;
    post.landAll();
    storeWord(post.memory[0] as Uint8Array, ring + 64 + slotBytes, packWord(17, 2));
    arrive();
    expect([hub.malformed, port.queue.length]).toEqual([3, 0]);
    if (hub.owesCredits()) post.step(hub.returnCredits());
    post.step(post.send(1, 0, bodyOf(2)));
    arrive();
    expect(port.queue.map((message) => [...message.body])).toEqual([[...bodyOf(2)]]);
  });

  test('a sender gives up on a ring that stays full', () => {
    const post = new Post(2, ringShape(2, 16));
    for (let n = 0; n < 2; n++) expect(post.step(post.send(0, 1, bodyOf(n)))).toBe(true);
    const third = post.send(0, 1, bodyOf(2), { timeoutNs: 600 });
    for (let tries = 0; tries < 3; tries++) expect(post.step(third)).toBe(false);
    expect(() => post.step(third)).toThrow(/node 1 takes no messages/);
  });
});

describe('an answer', () => {
  /** A request of node 0's, at node 1, whose ring to node 0 is full by then. */
  function asked() {
    const post = new Post(2, ringShape(2, 16));
    const [caller, server] = post.hubs as [MailboxHub, MailboxHub];
    const [replies, requests] = [caller.openPort(), server.openPort()];
    post.step(post.send(0, 1, bodyOf(1)));
    post.landAll();
    server.poll();
    const request = requests.queue.shift() as Message;
    for (let n = 0; n < 2; n++)
      expect(post.step(post.send(1, 0, bodyOf(n), { port: 7 }))).toBe(true);
    const answer = server.answer(request, 0, bodyOf(9), new Counters());
    for (let tries = 0; tries < 1000; tries++) expect(post.step(answer)).toBe(false);
    return { post, caller, server, replies, answer };
  }

  test('waits for a caller that lives, however long', () => {
    const { post, caller, replies, answer } = asked();
    post.landAll();
    caller.poll();
    post.step(caller.returnCredits());
    expect(post.step(answer)).toBe(true);
    post.landAll();
    caller.poll();
    expect(replies.queue.map(({ body }) => [...body])).toEqual([[...bodyOf(9)]]);
  });

  test('is not sent to a caller that is lost: its ring stays full for ever', () => {
    const { post, server, answer } = asked();
    server.disconnect(0);
    const before = post.flying.length;
    expect(post.step(answer)).toBe(true);
    expect(post.flying).toHaveLength(before);
  });

  test('is not sent to the next start of its caller, which numbers its calls from 1, too', () => {
    const { post, server, answer } = asked();
    server.reconnect(0);
    const before = post.flying.length;
    expect(post.step(answer)).toBe(true);
    expect(post.flying).toHaveLength(before);
  });
});

test('an address leads to its ring among many', () => {
  const post = new Post(9, ringShape(2, 8));
  const ports = post.hubs.map((hub) => hub.openPort());
  const size = ringBytes(post.shape);
  for (let from = 1; from < 9; from++) {
    post.step(post.send(from, 0, Uint8Array.of(from)));
    post.landAll();
    const other = from === 8 ? 1 : from + 1;
    expect(post.hubs[0]?.pollAt(globalAddress(0, other * size + 64))).toBe(false);
    expect(post.hubs[0]?.pollAt(globalAddress(0, from * size + 64))).toBe(true);
    expect(ports[0]?.queue.at(-1)?.from).toBe(from);
  }
  expect(post.hubs[0]?.pollAt(globalAddress(0, 9 * size))).toBe(false);
});

test('a released message serves again, and only then', () => {
  const post = new Post(2, ringShape(4, 64));
  const hub = post.hubs[1] as MailboxHub;
  const port = hub.openPort();
  const receive = (n: number) => {
    post.step(post.send(0, 1, bodyOf(n)));
    post.landAll();
    hub.poll();
    if (hub.owesCredits()) post.step(hub.returnCredits());
    return port.queue.shift();
  };
  const [first, second] = [receive(1), receive(2)];
  expect([...(first?.body ?? [])]).toEqual([...bodyOf(1)]);
  if (first !== undefined) {
    hub.release(first);
    hub.release(first);
  }
  const [third, fourth] = [receive(3), receive(4)];
  expect(third).toBe(first);
  expect(fourth).not.toBe(third);
  expect([...(third?.body ?? [])]).toEqual([...bodyOf(3)]);
  expect([...(second?.body ?? [])]).toEqual([...bodyOf(2)]);
});
