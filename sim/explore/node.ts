import { offsetOf } from '../../src/core/address.ts';
import type { Durability, NodeContext } from '../../src/core/context.ts';
import { Counters } from '../../src/core/counters.ts';
import { MailboxHub, type MailboxMemory, type MailboxPeer } from '../../src/core/mailbox.ts';
import type { Port } from '../../src/core/message.ts';
import { streamsOf } from '../../src/core/random.ts';
import { loadHalf } from '../../src/core/word.ts';
import { Digest } from './digest.ts';
import type { WorldMemory } from './memory.ts';
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

/** A hub that tells of every message that comes to a port. */
class ObservedHub extends MailboxHub {
  readonly #onArrival: (port: Port) => void;

  constructor(
    memory: MailboxMemory,
    peers: readonly MailboxPeer[],
    onArrival: (port: Port) => void,
  ) {
    super(memory, peers);
    this.#onArrival = onArrival;
  }

  override openPort(): Port {
    const port = super.openPort();
    port.onArrival = () => this.#onArrival(port);
    return port;
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
    this.random = streamsOf(host.seed, of.id);
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

/** A node: its context, its mailboxes, its programs, and the order in which they went on. */
export class WorldNode {
  readonly id: number;
  readonly incarnation: number;
  readonly hub: MailboxHub;
  readonly context: NodeContext;
  readonly tasks: Task[] = [];
  /** Of resumptions, with what each program was told. */
  readonly order = new Digest();
  /** Of messages, per port. */
  readonly arrivals = new Map<number, Digest>();
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
    return new ObservedHub(
      {
        loadLow: (address) => loadHalf(own, offsetOf(address)),
        loadHigh: (address) => loadHalf(own, offsetOf(address) + 4),
        copyOut: (address, into) => {
          const at = offsetOf(address);
          into.set(own.subarray(at, at + into.length));
        },
      },
      memory.cluster.mailboxPeers(this.id),
      (port) => {
        let digest = this.arrivals.get(port.id);
        if (digest === undefined) this.arrivals.set(port.id, (digest = new Digest()));
        const message = port.queue[port.queue.length - 1];
        if (message !== undefined) digest.chain(message.from, message.request);
      },
    );
  }

  digestInto(digest: Digest): void {
    digest.include(this.id, this.order);
    for (const [port, arrived] of this.arrivals) digest.include((this.id << 16) ^ port, arrived);
  }
}
