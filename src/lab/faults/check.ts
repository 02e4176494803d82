import { didYouMean } from '../../core/nearest.ts';
import type { ClusterMap, ClusterNode } from '../../memory/cluster.ts';
import type { System } from '../../systems/system.ts';
import type { RunSpec } from '../spec.ts';
import { nodesNamed, type PlannedFault } from './plan.ts';

/**
 * What a fault asks of a cluster that it does not have: a sentence, or undefined where it can happen.
 * Only now are the nodes known, since a system decides how many servers it has and what they are called.
 */
export function unfit(
  fault: PlannedFault,
  spec: RunSpec,
  system: System,
  cluster: ClusterMap,
): string | undefined {
  const names = cluster.nodes.map((node) => node.name);
  for (const name of nodesNamed(fault)) {
    if (!names.includes(name)) return noNode(name, names);
  }
  return (
    unfitMoment(fault, cluster) ??
    unfitAction(fault, spec, system, cluster) ??
    (spec.fabric === 'verbs' ? unfitForVerbs(fault, spec, cluster) : undefined)
  );
}

const moreBy: Readonly<Record<string, string>> = {
  mn: '--memory-nodes or --spares',
  cn: '--compute-nodes',
  standby: '--standbys',
};

/** Of a node with a number, which numbers there are and which flag makes more; else the nearest name. */
function noNode(name: string, names: readonly string[]): string {
  const familyOf = (other: string): string => other.replace(/\d+$/, '');
  const flag = moreBy[familyOf(name)];
  if (flag === undefined || familyOf(name) === name) {
    const hint = didYouMean(name, names) || ` (there are: ${shortened(names)})`;
    return `there is no node ${name}${hint}`;
  }
  const alike = names.filter((other) => familyOf(other) === familyOf(name));
  const [first] = alike;
  if (first === undefined) return `there is no node ${name}: add ${flag} 1`;
  const range = alike.length === 1 ? `is ${first}` : `are ${first} to ${alike.at(-1)}`;
  return `there is no node ${name}: there ${range}, and more with ${flag}`;
}

/**
 * Over verbs the nodes that programs run on are processes, which can be killed; the network and the memory
 * nodes are real, and nobody here can cut or stop them.
 */
function unfitForVerbs(
  { action, moment }: PlannedFault,
  { cluster: { processes, listen } }: RunSpec,
  cluster: ClusterMap,
): string | undefined {
  const can =
    'verbs can crash and slow down compute nodes and servers (or use --fabric shared or sim)';
  const isOfPrograms =
    (action.kind === 'crash' || action.kind === 'slow') &&
    cluster.byName(action.node).role !== 'memory';
  if (!isOfPrograms) return `it cannot be done to real memory nodes and networks: ${can}`;
  if (action.kind !== 'crash') return undefined;
  if (processes !== true && listen === undefined) {
    return 'over verbs a crash is a process that is killed, and nodes are threads: add --processes';
  }
  if (moment.kind === 'time' && action.landing !== 'random') {
    return (
      'what a killed process has posted lands or not as the device has it: crash it at a verb, ' +
      `or leave out landing ${action.landing}`
    );
  }
  if (action.restartAfterNs !== undefined && processes !== true) {
    return 'nobody would start the node again on its host: leave out restart, or use --processes';
  }
  return undefined;
}

const namesShownMax = 12;

function shortened(names: readonly string[]): string {
  const rest = names.length - namesShownMax;
  const shown = names.slice(0, namesShownMax).join(', ');
  return rest > 0 ? `${shown} and ${rest} more` : shown;
}

function unfitMoment({ action, moment }: PlannedFault, cluster: ClusterMap): string | undefined {
  if (moment.kind !== 'verb') return undefined;
  const own = 'node' in action ? action.node : undefined;
  const name = moment.of ?? own;
  const role = name === undefined ? undefined : cluster.byName(name).role;
  if (role === 'standby') return `verbs of ${name} are not counted: write at 3ms`;
  if (role !== undefined && role !== 'memory') return undefined;
  const [example] = cluster.withRole('compute');
  const who = name === undefined ? 'nobody is named whose verbs count' : `${name} posts no verbs`;
  return `${who}: write verb ${moment.from} of ${example?.name ?? 'cn0'}`;
}

function unfitAction(
  { action, toldAfterNs }: PlannedFault,
  spec: RunSpec,
  system: System,
  cluster: ClusterMap,
): string | undefined {
  const roleOf = (name: string): ClusterNode['role'] => cluster.byName(name).role;
  switch (action.kind) {
    case 'crash':
      return unfitCrash(action, spec, system, roleOf(action.node));
    case 'lose':
    case 'move': {
      const target = action.kind === 'move' ? action.to : action.spare;
      const wrong = [action.node, target].find(
        (name) => name !== undefined && roleOf(name) !== 'memory',
      );
      if (wrong !== undefined) return `${wrong} is no memory node: crash is for the others`;
      if (target !== undefined && !isSpare(target, spec, cluster)) {
        return `${target} is no spare: add --spares 1 and name ${firstSpare(spec)}`;
      }
      return undefined;
    }
    case 'flip':
      return roleOf(action.node) === 'memory' ? undefined : `${action.node} is no memory node`;
    case 'partition': {
      const both = action.left.find((name) => action.right.includes(name));
      return both === undefined ? undefined : `${both} stands on both sides`;
    }
    case 'slowLink':
    case 'loseCompletions':
      return action.from === action.to ? `${action.from} has no link to itself` : undefined;
    case 'slow':
      if (toldAfterNs === undefined || roleOf(action.node) !== 'memory') return undefined;
      return `${action.node} is a memory node: only a compute node or server is taken for lost`;
  }
}

function unfitCrash(
  action: Extract<PlannedFault['action'], { kind: 'crash' }>,
  spec: RunSpec,
  system: System,
  role: ClusterNode['role'],
): string | undefined {
  if (role === 'memory') {
    if (action.restartAfterNs !== undefined) return undefined;
    return `a memory node that crashes comes back: add restart after 2ms, or write lose ${action.node}`;
  }
  // Whether a standby is one by then is the whole plan's matter: see `unfitTogether`.
  const isServer = role === 'coordinator' || role === 'metadata' || role === 'standby';
  if (action.standbyAfterNs !== undefined && !isServer) {
    return `${action.node} is no server: only a coordinator or metadata server has a standby`;
  }
  if (action.standbyAfterNs !== undefined && (spec.cluster.standbys ?? 0) === 0) {
    return 'there is no standby node: add --standbys 1';
  }
  if (!isServer || system.takeOver !== undefined) return undefined;
  const isReplaced = action.standbyAfterNs ?? action.restartAfterNs;
  if (isReplaced === undefined) return undefined;
  return `${system.name} has no take-over: leave out restart and standby`;
}

function firstSpare({ cluster }: RunSpec): string {
  return `mn${cluster.memoryNodes}`;
}

/** Spares are the memory nodes after those that the store begins with. */
function isSpare(name: string, { cluster }: RunSpec, map: ClusterMap): boolean {
  return map.withRole('memory').findIndex((node) => node.name === name) >= cluster.memoryNodes;
}
