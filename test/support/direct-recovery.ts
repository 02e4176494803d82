import { expect } from 'vitest';
import { nodeOf, offsetOf } from '../../src/core/address.ts';
import type { Program } from '../../src/core/effect.ts';
import { randomStream } from '../../src/core/random.ts';
import { direct } from '../../src/systems/direct/index.ts';
import type { DirectNode } from '../../src/systems/direct/node.ts';
import type { Audit, Fault, RecoveryReport } from '../../src/systems/recovery.ts';
import { type InThreadStore, smallShape } from './in-thread.ts';
import { interleaved } from './interleave.ts';
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
  const nodes = store.systemNodes.filter((_, i) => !lost.includes(i));
  const [first] = nodes as DirectNode[];
  const site = {
    context: (first as DirectNode).context,
    cluster: store.cluster,
    shape: (first as DirectNode).shape,
  };
  const image = {
    read: (address: number, into: Uint8Array) => {
      const bytes = store.bytesOf(nodeOf(address));
      into.set(bytes.subarray(offsetOf(address), offsetOf(address) + into.length));
    },
    isUp: () => true,
  };
  const config = direct.configure({}, smallShape);
  return (direct.audit as NonNullable<typeof direct.audit>)(site, config, image, nodes, []);
}

/** Nothing is held, torn, leaked or in two places. */
export function expectClean(audit: Audit): void {
  expect(audit.violations).toEqual([]);
  expect(audit.leaked).toEqual([]);
  expect(audit.doubled).toEqual([]);
}
