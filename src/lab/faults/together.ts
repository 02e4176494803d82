import type { ClusterMap } from '../../memory/cluster.ts';
import type { RunSpec } from '../spec.ts';
import { nodeEnded, type PlannedFault, placeTaken } from './plan.ts';

/**
 * What the `index`-th fault of a plan cannot do because of those before it: a sentence, or undefined. Each
 * may fit the cluster by itself; see `unfit`. Standbys take over in their order.
 */
export function unfitTogether(
  plan: readonly PlannedFault[],
  index: number,
  { cluster: { standbys = 0 } }: RunSpec,
  cluster: ClusterMap,
): string | undefined {
  const fault = plan[index] as PlannedFault;
  const before = plan.slice(0, index);
  const sameIn = (nodeOf: (one: PlannedFault) => string | undefined): PlannedFault | undefined => {
    const node = nodeOf(fault);
    return node === undefined ? undefined : before.find((one) => nodeOf(one) === node);
  };
  const ended = sameIn(nodeEnded);
  if (ended !== undefined) return `${nodeEnded(fault)} does not come back after "${ended.text}"`;
  const taken = sameIn(placeTaken);
  if (taken !== undefined) return `${placeTaken(fault)} is no longer free after "${taken.text}"`;
  const idle = cluster.withRole('standby').slice(before.filter(isTakenOver).length);
  const { action } = fault;
  if (action.kind === 'crash' && idle.some(({ name }) => name === action.node)) {
    return `${action.node} runs nothing until a server before it has crashed with standby after`;
  }
  const takers = [...before, fault].filter(isTakenOver).length;
  if (isTakenOver(fault) && takers > standbys) {
    return `that is take-over ${takers}, and standbys are ${standbys}: add --standbys ${takers}`;
  }
  return undefined;
}

function isTakenOver({ action }: PlannedFault): boolean {
  return action.kind === 'crash' && action.standbyAfterNs !== undefined;
}

/** Losses of a plan for which no spare is left, in the order in which they are written. */
export function lossesWithoutSpare(plan: readonly PlannedFault[], spares: number): PlannedFault[] {
  const isKept = ({ action }: PlannedFault): boolean =>
    action.kind === 'move' || (action.kind === 'lose' && action.spare !== undefined);
  let free = spares - plan.filter(isKept).length;
  return plan.filter((fault) => fault.action.kind === 'lose' && !isKept(fault) && free-- <= 0);
}
