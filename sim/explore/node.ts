import { offsetOf } from '../../src/core/address.ts';
import type { Durability, NodeContext, Parts } from '../../src/core/context.ts';
import { Counters } from '../../src/core/counters.ts';
import { MailboxHub } from '../../src/core/mailbox.ts';
import { roomIn } from '../../src/core/mailbox-state.ts';
import { type RandomStream, streamsOf } from '../../src/core/random.ts';
import { loadHalf } from '../../src/core/word.ts';
import { Digest, hashText } from './digest.ts';
import type { WorldMemory } from './memory.ts';
import { chainValue } from './plain-state.ts';
import type { Task } from './task.ts';

/** What a node asks of the world it is in. */
export interface NodeHost {
  readonly memory: WorldMemory;
  readonly durability: Durability;
  readonly seed: number;
  readonly verbBoundNs: number;
  /** Reads the clock for a program, which makes the clock part of the state. */
  readClock(node: WorldNode): number;
}

/** Dice that count how often they were thrown, which is all that there is to know of them. */
class CountedStream implements RandomStream {
  readonly #stream: RandomStream;
  readonly #onDraw: () => void;

  constructor(stream: RandomStream, onDraw: () => void) {
    this.#stream = stream;
    this.#onDraw = onDraw;
  }

  next32(): number {
    this.#onDraw();
    return this.#stream.next32();
  }

  unit(): number {
    this.#onDraw();
    return this.#stream.unit();
  }

  below(bound: number): number {
    this.#onDraw();
    return this.#stream.below(bound);
  }
}

/**
 * A class, though there is one object a node: a literal with a getter would get a hidden class of its own
 * that holds on to the whole world, and V8 collects those late. Thousands of worlds a second come and go.
 */
class WorldContext implements NodeContext {
  readonly node: number;
  readonly incarnation: number;
  readonly fabric = 'sim';
  readonly durability: Durability;
  readonly hub: MailboxHub;
  readonly verbBoundNs: number;
  readonly #of: WorldNode;
  readonly #host: NodeHost;
  readonly #idle = new Counters();
  readonly random: NodeContext['random'];

  constructor(of: WorldNode, host: NodeHost) {
    this.node = of.id;
    this.incarnation = of.incarnation;
    this.durability = host.durability;
    this.hub = of.hub;
    this.random = countedStreams(of, streamsOf(host.seed, of.id));
    this.verbBoundNs = host.verbBoundNs;
    this.#of = of;
    this.#host = host;
  }

  get counters(): Counters {
    return this.#of.current?.counters ?? this.#idle;
  }

  /** Nothing costs anything here. */
  charge(): void {}

  nowNs(): number {
    return this.#host.readClock(this.#of);
  }
}

function countedStreams(of: WorldNode, streams: NodeContext['random']): NodeContext['random'] {
  const counted = new Map<string, RandomStream>();
  return (purpose) => {
    let stream = counted.get(purpose);
    if (stream === undefined) {
      const place = hashText(purpose);
      const onDraw = (): void => of.draws.add(place, 0, 0);
      counted.set(purpose, (stream = new CountedStream(streams(purpose), onDraw)));
    }
    return stream;
  };
}

/** A node: its context, its mailboxes, its programs, and the order in which they went on. */
export class WorldNode {
  readonly id: number;
  readonly incarnation: number;
  readonly hub: MailboxHub;
  readonly context: NodeContext;
  readonly tasks: Task[] = [];
  /** Of resumptions, with what each program was told: all that ever happened on the node. */
  readonly order = new Digest();
  /** Of its dice. */
  readonly draws = new Digest();
  /** What the system says that its programs have in common (`SystemNode.remembers`). */
  describe: (() => Parts | undefined) | undefined = undefined;
  readonly #shared = new Digest();
  /** `shared` before the step under way, where one of its programs goes on in it. */
  readonly before = new Digest();
  readonly #parts = new Map<string, Digest>();
  #isSharedFresh = false;
  #isDescribed = false;
  /** Resumptions of all its programs. */
  resumes = 0;
  up = true;
  creditsRunning = false;
  credits = 0;
  resends = 0;
  current: Task | undefined = undefined;

  constructor(id: number, incarnation: number, host: NodeHost) {
    this.id = id;
    this.incarnation = incarnation;
    this.hub = this.#openHub(host);
    this.context = new WorldContext(this, host);
  }

  #openHub({ memory }: NodeHost): MailboxHub {
    const own = memory.node(this.id);
    return new MailboxHub(
      {
        loadLow: (address) => loadHalf(own, offsetOf(address)),
        loadHigh: (address) => loadHalf(own, offsetOf(address) + 4),
        copyOut: (address, into) => {
          const at = offsetOf(address);
          into.set(own.subarray(at, at + into.length));
        },
      },
      memory.cluster.mailboxPeers(this.id),
    );
  }

  /** Something has happened on the node since `shared` was asked for. */
  touched(): void {
    this.#isSharedFresh = false;
  }

  /**
   * What programs of the node can know of it beside what they remember by themselves: what its system
   * says, whether there is room in rings, and its dice; of a system that says nothing, all that ever
   * happened here.
   */
  get shared(): Digest {
    if (this.#isSharedFresh) return this.#shared;
    const shared = this.#shared;
    shared.clear();
    const described = this.describe?.();
    this.#isDescribed = described !== undefined;
    if (described === undefined) shared.copy(this.order);
    else this.#chainParts(described);
    this.#chainRingsAndDice(shared);
    this.#isSharedFresh = true;
    return shared;
  }

  #chainParts(described: Parts): void {
    const parts = this.#parts;
    for (const name in described) {
      let part = parts.get(name);
      if (part === undefined) parts.set(name, (part = new Digest()));
      part.clear();
      chainValue(part, described[name]);
      this.#shared.chain(part.a, part.b);
    }
  }

  /** Of `shared`, what a program sees that looks at those parts only. */
  seenBy(names: readonly string[] | undefined): Digest {
    const { shared } = this;
    if (names === undefined || !this.#isDescribed) return shared;
    const seen = new Digest();
    for (const name of names) {
      const part = this.#parts.get(name);
      if (part === undefined) throw new Error(`a program looks at ${name}, which its node has not`);
      seen.chain(part.a, part.b);
    }
    this.#chainRingsAndDice(seen);
    return seen;
  }

  #chainRingsAndDice(into: Digest): void {
    chainValue(into, roomIn(this.hub.inside));
    into.chain(this.draws.a, this.draws.b);
  }
}
