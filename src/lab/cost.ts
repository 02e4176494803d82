import { assert } from '../core/errors.ts';
import type { CostResult } from './result.ts';

/**
 * Prices of Tsai, Shan and Zhang, USENIX ATC 2020, §2 and Table 1. A passive memory node is a
 * network card and persistent memory; whatever runs code is a whole server.
 */
export const prices = {
  serverUsd: 5000,
  memoryNodeNicUsd: 795,
  memoryNodePmUsd: 842,
  /** Of a busy x86 core. */
  coreWatts: 30,
} as const;

export interface CostInput {
  readonly computeNodes: number;
  readonly memoryNodes: number;
  /** Coordinators and metadata servers. */
  readonly servers: number;
  /** CPU time that operations needed, summed over all cores and roles; polling is not in it. */
  readonly usefulNs: number;
  /** Operations that this time served. */
  readonly operations: number;
}

/**
 * What such a cluster costs to buy, and the energy of one operation's CPU time.
 *
 * Only useful time counts: a core that polls burns as much, but how long it polls says how idle the
 * machine was, not what the protocol needs. Results carry polling time beside it.
 */
export function costOf(input: CostInput): CostResult {
  const { computeNodes, memoryNodes, servers, usefulNs, operations } = input;
  assert(
    computeNodes >= 0 && memoryNodes >= 0 && servers >= 0,
    () => `a cluster of ${computeNodes} + ${memoryNodes} + ${servers} nodes`,
  );
  assert(usefulNs >= 0 && operations >= 0, () => `${usefulNs} ns for ${operations} operations`);
  const memoryNodeUsd = prices.memoryNodeNicUsd + prices.memoryNodePmUsd;
  // A watt for a nanosecond is a nanojoule: a thousandth of a microjoule.
  const energyMicrojoule = (prices.coreWatts * usefulNs) / 1000;
  return {
    capexUsd: (computeNodes + servers) * prices.serverUsd + memoryNodes * memoryNodeUsd,
    energyMicrojoulePerOperation: operations === 0 ? 0 : energyMicrojoule / operations,
  };
}
