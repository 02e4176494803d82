import type { Counters } from './counters.ts';
import type { ComputeKind } from './effect.ts';
import type { MailboxHub } from './mailbox.ts';
import type { RandomStream } from './random.ts';

/** `assumed`: completed is durable. `flush`: visible when completed, durable after a FLUSH of it. */
export type Durability = 'assumed' | 'flush';

/** What a node remembers, by names: what a search that merges equal states has to compare. */
export type Parts = Readonly<Record<string, unknown>>;

export const fabricKinds = ['sim', 'shared', 'verbs'] as const;
export type FabricKind = (typeof fabricKinds)[number];

/**
 * Everything a program knows of the platform: its only clock, its only dice, its node's mailboxes. A
 * protocol that takes time or randomness from anywhere else cannot be replayed.
 */
export interface NodeContext {
  readonly node: number;
  /**
   * Names this start of this node among all starts of all nodes of the cluster: the node's id at first,
   * a number above all ids after a restart. What a lock says of its holder, and what `fence` takes.
   */
  readonly incarnation: number;
  readonly fabric: FabricKind;
  readonly durability: Durability;
  readonly hub: MailboxHub;
  /** Counters of the program that is running now. */
  readonly counters: Counters;
  /**
   * An upper bound that this fabric's operator vouches for on how long a verb may stay in flight. It is
   * what protocols that "need timing bounds" wait for; `shared` makes it large, since the operating
   * system may deschedule a worker in the middle of a copy.
   */
  readonly verbBoundNs: number;
  /**
   * CPU work of the running program that is short: what `compute` is, without giving way. The time is
   * added to the program's own clock, and what it does next happens that much later. Work of more than
   * a microsecond, and work that others must see as under way (a lock that is held), is a `compute`.
   */
  charge(work: ComputeKind, units?: number): void;
  /** Nanoseconds since the run began; fractions are allowed. */
  nowNs(): number;
  /** The node's stream for that purpose: equal (seed, node, purpose), equal draws. */
  random(purpose: string): RandomStream;
}

/**
 * A context as its fabric has it, which names the counters of each program that it resumes. A field, not an
 * accessor: V8 keeps a literal with an accessor as a dictionary, and then every access to the context, its
 * clock included, is a look-up by name. Half of what a get asks is the context.
 */
export type OwnContext = NodeContext & { counters: Counters };
