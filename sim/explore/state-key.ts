import { verbOp } from '../../src/core/effect.ts';
import { incoming, mailboxState } from '../../src/core/mailbox-state.ts';
import { highHalf, loadHalf, lowHalf } from '../../src/core/word.ts';
import { answerOf } from './act.ts';
import { looksMax } from './again.ts';
import { reliesOnVerbs } from './choices.ts';
import { Digest } from './digest.ts';
import { type Flight, flightState, type Pair } from './flight.ts';
import type { WorldNode } from './node.ts';
import { chainValue } from './plain-state.ts';
import type { Task } from './task.ts';
import type { World } from './world.ts';

/** What some parts of a state came to in its key. */
export class KeyParts {
  /** By the node's id. */
  readonly nodes: Digest[] = [];
  /** Of those with verbs in flight. */
  readonly pairs = new Map<Pair, Digest>();
  readonly fences = new Digest();
}

/**
 * The hash of a whole state, into two numbers; docs/verification.md says what is in it, and why. It is a sum
 * of its parts, and some of them are for `parts`.
 */
export function keyOf(world: World, parts?: KeyParts): Digest {
  const key = new Digest();
  key.join(world.memory.digest);
  key.join(world.memory.durableDigest);
  key.include(4, world.history);
  key.include(5, world.faults);
  const fences = parts?.fences ?? new Digest();
  for (const [node, refused] of world.fenced.entries()) {
    for (const incarnation of refused) fences.add(7, node, incarnation);
  }
  key.join(fences);
  const part = new Digest();
  for (const node of world.nodes) {
    if (node?.up !== true) continue;
    part.clear();
    chainNode(world, node, part);
    key.include(16 + node.id, part);
    if (parts !== undefined) parts.nodes[node.id] = part.clone();
  }
  for (const pair of world.pairs) {
    part.clear();
    if (!chainPair(world, pair, part)) continue;
    key.include(3, part);
    parts?.pairs.set(pair, part.clone());
  }
  for (const task of world.tasks) addReliance(world, task, key);
  if (world.clockRead) key.add(6, world.rules.clockStands ? 0 : world.nowNs, 0);
  if (world.earlyTimersLeft < Number.POSITIVE_INFINITY) key.add(9, world.earlyTimersLeft, 0);
  if (world.looksLeft < looksMax) key.add(11, world.looksLeft, 0);
  return key;
}

/** What a node remembers, and its programs in the order in which they would take turns. */
function chainNode(world: World, node: WorldNode, into: Digest): void {
  const { shared } = node;
  into.chain(shared.a, shared.b);
  chainValue(into, mailboxState(node.hub.inside));
  for (const task of node.tasks) {
    const { state, learned } = task;
    into.chain(state.a, state.b);
    into.chain(learned.a, learned.b);
    into.chain(task.number, flagsOf(task));
    for (const [to, pair] of task.pairs) {
      if (pair.broken || pair.targetIncarnation !== world.incarnations[to]) into.chain(to, 12);
    }
  }
}

function flagsOf(task: Task): number {
  // Else a state in which all spin could not be told from the one before, and no search would see it.
  const spins = task.blocked && (task.held || !task.daemon);
  // Where it is blocked for that, it is as if it had not woken.
  const hasPolled = task.idleRounds === 1 && !task.blocked;
  const flags = [
    task.effect === undefined,
    task.timedOut,
    task.fenced,
    task.held,
    spins,
    hasPolled,
  ];
  return flags.reduce((bits, flag, i) => bits + (flag ? 1 << i : 0), 0);
}

/** False where nothing is in flight on it. */
function chainPair(world: World, pair: Pair, into: Digest): boolean {
  const { flights } = pair;
  if (flights.length === 0) return false;
  const current = flights.some(({ task }) => task.pairs.get(pair.node) === pair);
  into.chain(pair.root, pair.node);
  into.chain(pair.incarnation, (current ? 1 : 0) + (pair.broken ? 2 : 0));
  for (const flight of flights) chainFlight(world, flight, into);
  return true;
}

function chainFlight(world: World, flight: Flight, into: Digest): void {
  const { verb, state, isForgotten, isInDoubt, task, slot } = flight;
  into.chain(state + 4 * Number(isForgotten) + 8 * Number(isInDoubt), verb.op);
  into.chain(task.number, slot);
  if (state === flightState.acted) {
    if (!isForgotten) into.chain(answerOf(flight), 1);
    return;
  }
  if (world.memory.isMailbox(flight.node, flight.from)) {
    chainMessage(world, flight, into);
    return;
  }
  into.chain(flight.from, flight.to);
  into.chain(flight.node, verb.fenced ? 1 : 0);
  into.chain(flight.part, flight.deadlineNs | 0);
  for (const word of flight.swallowed ?? []) into.chain(word, 2);
  if (flight.isAtomic || verb.buffer === undefined) {
    into.chain(lowHalf(verb.operand), highHalf(verb.operand));
    into.chain(lowHalf(verb.compare), highHalf(verb.compare));
  } else if (verb.op !== verbOp.read || state === flightState.partly) {
    for (let i = 0; i <= flight.to - flight.from; i++) {
      if (verb.op === verbOp.read && !flight.isFirst(i)) continue;
      into.chain(loadHalf(verb.buffer, 8 * i), loadHalf(verb.buffer, 8 * i + 4));
    }
  }
  if (verb.op === verbOp.read && verb.buffer === undefined && state === flightState.partly) {
    into.chain(verb.low, verb.high);
  }
}

/** A message is what it will mean to its receiver; its body, which comes before, is nothing by itself. */
function chainMessage(world: World, { verb, node }: Flight, into: Digest): void {
  const { operand, address } = verb;
  const hub = world.nodes[node]?.hub;
  into.chain(node, 5);
  if (hub === undefined) return;
  chainValue(into, incoming(hub.inside, address, lowHalf(operand), highHalf(operand)));
}

/**
 * In bounded timing a program that sleeps for the bound of a verb wakes only when those are over that were
 * in flight when it fell asleep; but for verbs of a crashed program, which nobody waits for (`mayWake`).
 * Adds which, of that program; of `only`, whether it is among them.
 */
export function addReliance(world: World, task: Task, into: Digest, only?: Flight): void {
  if (world.timing !== 'bounded' || !reliesOnVerbs(world, task)) return;
  for (const { flights } of world.pairs) {
    for (const flight of flights) {
      if (flight.state === flightState.acted || flight.postedAtStep > task.sleptAtStep) continue;
      if (flight.isOrphan && !flight.isInDoubt) continue;
      if (only !== undefined && flight !== only) continue;
      into.add(10, task.number, flight.task.number * 1024 + flight.slot);
    }
  }
}
