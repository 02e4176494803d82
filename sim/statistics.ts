import type { Role } from '../src/memory/cluster.ts';
import type { Machine } from './machine.ts';
import type { SimNode } from './node.ts';

/** Since the beginning of the run; take the difference of two to leave out a warm-up. */
export interface SimStatistics {
  readonly nowNs: number;
  readonly events: number;
  /** Verbs that were in flight for longer than the bound that protocols are told. */
  readonly overdueVerbs: number;
  readonly nodes: readonly NodeStatistics[];
}

export interface NodeStatistics {
  readonly node: number;
  readonly name: string;
  readonly role: Role;
  readonly cores: readonly CoreStatistics[];
  /** Sum over the cores. What a polling core does not spend usefully, it spends polling. */
  readonly usefulNs: number;
  /** Verbs and payload bytes that left and reached this node's NIC, answers included. */
  readonly verbsOut: number;
  readonly verbsIn: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
  /** How long each resource has been busy. */
  readonly busyNs: {
    readonly requester: number;
    readonly responder: number;
    readonly linkOut: number;
    readonly linkIn: number;
    readonly pcieRead: number;
    readonly pcieWrite: number;
    readonly mediaRead: number;
    readonly mediaWrite: number;
  };
  /** Host memory that the simulated regions take. */
  readonly touchedBytes: number;
}

export interface CoreStatistics {
  /** For background programs only. */
  readonly background: boolean;
  readonly usefulNs: number;
}

export function nodeStatistics(machine: Machine, node: SimNode | undefined): NodeStatistics {
  const cores = (node?.cores ?? []).map(({ background, usefulPs }) => ({
    background,
    usefulNs: usefulPs / 1000,
  }));
  return {
    node: machine.id,
    name: machine.node.name,
    role: machine.node.role,
    cores,
    usefulNs: cores.reduce((sum, core) => sum + core.usefulNs, 0),
    ...machine.counts,
    busyNs: {
      requester: machine.requester.busyPs / 1000,
      responder: machine.responder.busyPs / 1000,
      linkOut: machine.linkOut.busyPs / 1000,
      linkIn: machine.linkIn.busyPs / 1000,
      pcieRead: machine.pcieRead.busyPs / 1000,
      pcieWrite: machine.pcieWrite.busyPs / 1000,
      mediaRead: machine.mediaRead.busyPs / 1000,
      mediaWrite: machine.mediaWrite.busyPs / 1000,
    },
    touchedBytes: machine.memory.touchedBytes,
  };
}
