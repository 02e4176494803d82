import type { Durability } from '../../core/context.ts';
import type { RingShape } from '../../core/mailbox.ts';
import type { NodeSpec } from '../../memory/cluster.ts';
import type { PlainError } from '../shared/plain-error.ts';
import type { Destination } from './connect.ts';
import type { RunConnections } from './connection-options.ts';
import type { ProviderOption } from './native.ts';

/** All that a thread or a process needs to become a node: plain data. */
export interface NodeInput extends ProviderOption {
  readonly node: number;
  /** Of this start of the node; peers hear it on top of `incarnationBase`. */
  readonly incarnation: number;
  readonly specs: readonly NodeSpec[];
  readonly ring: RingShape;
  /** The device that leads to the memory nodes; a process, maybe on another host, finds its own. */
  readonly device: string | undefined;
  /** Of the first memory node. */
  readonly memoryAt: Destination;
  /** Added to a node's incarnation: no two runs that meet the same memory node have the same. */
  readonly incarnationBase: number;
  /** Of a process that may be started anew: keeps its regions of medium pm. */
  readonly keptIn: string | undefined;
  readonly flushBy: 'flush' | 'read';
  /** To each node, shared by the root programs; undefined: each has its own. */
  readonly queuePairs: number | undefined;
  readonly connections: RunConnections;
  readonly seed: number;
  readonly durability: Durability;
  readonly verbBoundNs: number;
  /** Where the run's clock begins on this node's. */
  readonly clockOriginNs: bigint;
  readonly spinTurnsMax: number;
  readonly module: string;
  readonly jobName: string;
  readonly data: unknown;
}

/** What a node says: where it listens, that it is connected, its result. */
export type NodeMessage =
  | { readonly kind: 'listening'; readonly at: Destination }
  | { readonly kind: 'ready' }
  | { readonly kind: 'result'; readonly value: unknown }
  | { readonly kind: 'error'; readonly error: PlainError };

/** What it is told, in this order: where every node is, by id; that all are connected. */
export type NodeOrder =
  | { readonly kind: 'nodes'; readonly at: readonly Destination[] }
  | { readonly kind: 'begin' };

/** What a node that is a process also says, since it shares no memory with the one who started the run. */
export type ProcessMessage =
  | NodeMessage
  | { readonly kind: 'joins' }
  | { readonly kind: 'leaves' }
  | { readonly kind: 'arrives'; readonly point: number }
  | { readonly kind: 'shows'; readonly slot: number; readonly value: number }
  /** It has left the run, and may be given another. */
  | { readonly kind: 'over' }
  | { readonly kind: 'pong'; readonly nodeNs: bigint };

export type ProcessOrder =
  | NodeOrder
  | { readonly kind: 'run'; readonly input: NodeInput; readonly told: readonly unknown[] }
  | {
      readonly kind: 'signals';
      readonly stopped: number;
      readonly abortRequested: boolean;
      readonly arrived: readonly number[];
    }
  | { readonly kind: 'told'; readonly value: unknown }
  /** A node that was restarted listens elsewhere. */
  | { readonly kind: 'moved'; readonly node: number; readonly at: Destination }
  /** Ends without a result: the run has failed. */
  | { readonly kind: 'quit' }
  /** Ends the process at once, with SIGKILL: it crashes on purpose. */
  | { readonly kind: 'die' }
  | { readonly kind: 'ping' };
