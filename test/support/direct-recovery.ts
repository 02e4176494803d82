import { expect } from 'vitest';
import { nodeOf, offsetOf } from '../../src/core/address.ts';
import type { Program } from '../../src/core/effect.ts';
import { randomStream } from '../../src/core/random.ts';
import { direct } from '../../src/systems/direct/index.ts';
import type { DirectNode } from '../../src/systems/direct/node.ts';
import type { Audit, Fault, RecoveryReport } from '../../src/systems/recovery.ts';
import type { InThreadStore } from './in-thread.ts';
import { interleaved } from './interleave.ts';
import type { RandomSchedule } from './random-schedule.ts';
import { once } from './values.ts';

/** The loss of that compute node, by number among the compute nodes. */
export function lossOf(store: InThreadStore, node: number): Fault {
  const { context } = store.systemNodes[node] as DirectNode;
  return { kind: 'computeLost', node: context.node, incarnation: context.incarnation };
}

/** One survivor recovers, alone. */
export function recoverOn(store: InThreadStore, node: number, fault: Fault): RecoveryReport {
  const survivor = store.systemNodes[node] as DirectNode;
  const program: Program<RecoveryReport> = survivor.recover(fault);
  return once(
    store,
    () => interleaved(program, randomStream(1, 'alone'), { pauseNsMax: 0 }),
    node,
  ) as RecoveryReport;
}

/** The verdict on a store in this thread; `lost` are the compute nodes that died. */
export function auditOf(store: InThreadStore, lost: readonly number[]): Audit {
  const nodes = store.systemNodes.filter((_, i) => !lost.includes(i)) as DirectNode[];
  return auditBytes(nodes, (node) => store.bytesOf(node));
}

/** The verdict on a store under a random schedule, with the compute nodes that live. */
export function auditOfSchedule(schedule: RandomSchedule, nodes: readonly DirectNode[]): Audit {
  return auditBytes(nodes, (node) => schedule.memory.node(node));
}

function auditBytes(nodes: readonly DirectNode[], bytesOf: (node: number) => Uint8Array): Audit {
  const { context, shape, config, geometry } = nodes[0] as DirectNode;
  const image = {
    read: (address: number, into: Uint8Array) => {
      const at = offsetOf(address);
      into.set(bytesOf(nodeOf(address)).subarray(at, at + into.length));
    },
    isUp: () => true,
  };
  const audit = direct.audit as NonNullable<typeof direct.audit>;
  return audit({ context, cluster: geometry.cluster, shape }, config, image, nodes, []);
}

/** Nothing is held, torn, leaked or in two places. */
export function expectClean(audit: Audit, where = ''): void {
  expect(audit.violations, where).toEqual([]);
  expect(audit.leaked, where).toEqual([]);
  expect(audit.doubled, where).toEqual([]);
}
