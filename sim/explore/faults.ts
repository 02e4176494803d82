import { verbOp, verbStatus } from '../../src/core/effect.ts';
import { assert } from '../../src/core/errors.ts';
import { ringBytes } from '../../src/core/mailbox.ts';
import { looksMax } from './again.ts';
import { optionMax } from './choice.ts';
import { type Flight, flightState } from './flight.ts';
import { senderAt } from './footprint.ts';
import type { World } from './world.ts';

/**
 * - `crash`: a node that runs programs stops for ever. What it has posted may still land.
 * - `restart`: a memory node, or a server, loses power and is back at once, with what its media kept.
 * - `lose`: a memory node is gone for good.
 * - `cut`: a node's queue pairs to memory nodes break. What it has in flight there ends unknown, and may
 *   act at any later time, in post order, in part, or never; new queue pairs work.
 * - `pause`: nothing happens but that time passes; for systems that look at the clock.
 */
export const faultKinds = ['crash', 'restart', 'lose', 'cut', 'pause'] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface FaultMenuEntry {
  readonly kind: FaultKind;
  /** For `pause`, -1. */
  readonly node: number;
  readonly durationNs: number;
  /** Only while a verb of the node that may change memory is in flight. */
  readonly isAmidWrites: boolean;
  /** Entries of one menu that share a budget share this object. */
  readonly budget: { left: number };
}

/** Unflushed words up to which every outcome of a loss of power is tried. */
const everyOutcomeMax = 10;

export function mayHappen(world: World, entry: FaultMenuEntry): boolean {
  const { kind, node, budget } = entry;
  if (budget.left <= 0 || (entry.isAmidWrites && !isWriting(world, node))) return false;
  switch (kind) {
    case 'crash':
    case 'cut':
      return mayCrash(world, node);
    case 'restart':
      if (world.nodes[node] !== undefined) return mayCrash(world, node);
      return world.down[node] !== true && (!world.rules.faultsAfterSteps || touched(world, node));
    case 'lose':
      if (world.down[node] === true) return false;
      return !world.rules.faultsAfterSteps || touched(world, node);
    case 'pause':
      return world.timing === 'asynchronous' || !verbsInFlight(world);
  }
}

function mayCrash({ nodes, rules, footprint }: World, node: number): boolean {
  if (nodes[node]?.up !== true) return false;
  return !rules.faultsAfterSteps || (footprint.resumed & (1 << node)) !== 0;
}

function touched({ footprint }: World, node: number): boolean {
  return (footprint.wrote & (1 << node)) !== 0;
}

/** A verb of it that may change what a memory node holds has been posted, and has not wholly acted. */
function isWriting({ nodes, pairs, cluster }: World, node: number): boolean {
  const incarnation = nodes[node]?.incarnation;
  return pairs.some(
    (pair) =>
      pair.incarnation === incarnation &&
      cluster.node(pair.node).role === 'memory' &&
      pair.flights.some(
        ({ state, verb, isOrphan }) =>
          !isOrphan &&
          state !== flightState.acted &&
          verb.op !== verbOp.read &&
          verb.op !== verbOp.flush,
      ),
  );
}

function verbsInFlight(world: World): boolean {
  return world.pairs.some(({ flights }) => flights.some((flight) => !flight.isOrphan));
}

/** Options of a fault that takes a node's power: which of its unflushed words stay. */
export function outcomesOf(world: World, { kind, node }: FaultMenuEntry): number[] {
  if (kind !== 'restart' && kind !== 'crash') return [0];
  const count = world.memory.unflushed(node).length;
  if (count <= everyOutcomeMax) return Array.from({ length: 2 ** count }, (_, i) => i);
  const singles = Array.from({ length: everyOutcomeMax }, (_, i) => 1 << i);
  return [0, optionMax, ...singles];
}

export function performFault(world: World, index: number, option: number): void {
  const entry = world.menu[index];
  assert(entry !== undefined, () => `there is no fault ${index}`);
  entry.budget.left--;
  world.looksLeft = looksMax;
  world.faults.chain(index, option);
  world.observer?.fault(entry);
  // Also a crash, though it commutes with what other nodes do: it is offered right after a step of its node
  // only, so where sleep sets take that step and another one in the other order, nobody would try it.
  world.footprint.global = true;
  switch (entry.kind) {
    case 'crash':
      crash(world, entry.node);
      losePower(world, entry.node, option);
      break;
    case 'restart':
      losePower(world, entry.node, option);
      if (world.nodes[entry.node] === undefined) {
        world.incarnations[entry.node] = world.newIncarnation();
        breakPairsTo(world, entry.node);
      } else crash(world, entry.node); // Whoever is told of it opens the node again.
      break;
    case 'lose':
      world.down[entry.node] = true;
      breakPairsTo(world, entry.node);
      break;
    case 'cut':
      cut(world, entry.node);
      break;
    case 'pause':
      world.nowNs += entry.durationNs;
      break;
  }
  world.onFault(entry, entry.node);
  for (const node of world.nodes) node?.touched();
}

/** Words beyond the tenth share the bits of the first ten. */
function losePower({ memory, events }: World, node: number, option: number): void {
  events.wordsReverted += memory.losePower(
    node,
    (i) => (option & (1 << (i % everyOutcomeMax))) !== 0,
  );
}

/** Its programs are never resumed; its WRITEs, atomics and FLUSHes stay in flight. */
function crash(world: World, id: number): void {
  const node = world.node(id);
  node.up = false;
  world.down[id] = true;
  for (const task of [...node.tasks]) world.end(task);
  for (const pair of world.pairs) {
    const { flights } = pair;
    for (let i = flights.length - 1; i >= 0; i--) {
      const flight = flights[i] as Flight;
      if (flight.task.node === node && flight.verb.op === verbOp.read) flights.splice(i, 1);
    }
  }
  breakPairsTo(world, id);
  for (const other of world.nodes) if (other !== node) other?.hub.disconnect(id);
}

/** READs change nothing; what has acted already only loses its completion. */
function cut(world: World, id: number): void {
  const { incarnation } = world.node(id);
  for (const pair of world.pairs) {
    if (pair.incarnation !== incarnation || pair.broken) continue;
    if (world.cluster.node(pair.node).role !== 'memory') continue;
    pair.broken = true;
    for (const flight of pair.flights.splice(0)) {
      const { verb, state } = flight;
      if (state !== flightState.acted && verb.op !== verbOp.read) {
        pair.flights.push(flight.leftInDoubt());
      }
      world.finish(flight, verbStatus.unknown);
      world.events.leftInDoubt++;
    }
  }
}

/** Node `id` has started anew: its peers have empty rings with it, and hear nothing from `before`. */
export function emptyRings(world: World, id: number, before: number): void {
  for (const { node: peer, inbound, outbound, shape } of world.cluster.mailboxPeers(id)) {
    performFence(world, peer, before);
    for (const ring of [inbound, outbound]) world.memory.clear(ring, ringBytes(shape));
    world.nodes[peer]?.hub.reconnect(id);
  }
}

/** All that is in flight to a node ends unknown, and never acts. */
function breakPairsTo(world: World, node: number): void {
  for (const pair of world.pairs) {
    if (pair.node !== node) continue;
    pair.broken = true;
    for (const flight of pair.flights.splice(0)) world.finish(flight, verbStatus.unknown);
  }
}

/** No verb of that incarnation takes effect at that node any more. */
export function performFence(world: World, node: number, incarnation: number): void {
  const { footprint } = world;
  const runs = world.nodes.some((each) => each?.up === true && each.incarnation === incarnation);
  if (runs || footprint.fenced >= 0) footprint.global = true;
  footprint.fenced = senderAt(node, incarnation);
  world.fenced[node]?.add(incarnation);
  for (const pair of world.pairs) {
    if (pair.node !== node || pair.incarnation !== incarnation) continue;
    pair.broken = true;
    for (const flight of pair.flights.splice(0)) {
      if (flight.state !== flightState.acted) world.events.cutByFence++;
      world.finish(flight, verbStatus.unknown);
    }
  }
}

/** Of crashed programs, verbs that would break the bound by acting now never do. */
export function dropOverdue(world: World): void {
  if (world.timing !== 'bounded') return;
  for (const { flights } of world.pairs) {
    for (let i = flights.length - 1; i >= 0; i--) {
      const flight = flights[i] as Flight;
      if (flight.isOrphan && flight.deadlineNs < world.nowNs) flights.splice(i, 1);
    }
  }
}
