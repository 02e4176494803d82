import type { NodeReport, NodeStart } from '../shared/node-start.ts';
import type { Destination } from './connect.ts';
import type { RunConnections } from './connection-options.ts';
import type { ProviderOption } from './native.ts';

export interface NodeInput extends NodeStart, ProviderOption {
  /** The device that leads to the memory nodes; a process, maybe on another host, finds its own. */
  readonly device: string | undefined;
  /** Of the first memory node. */
  readonly memoryAt: Destination;
  /** What peers hear is a node's incarnation on top of it: no two runs at one memory node have the same. */
  readonly incarnationBase: number;
  /** Of a process that may be started anew: keeps its regions of medium pm. */
  readonly keptIn: string | undefined;
  readonly flushBy: 'flush' | 'read';
  /** To each node, shared by the root programs; undefined: each has its own. */
  readonly queuePairs: number | undefined;
  readonly connections: RunConnections;
}

/** What a node says: where it listens, that it is connected, its result. */
export type NodeMessage = NodeReport | { readonly kind: 'listening'; readonly at: Destination };

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
