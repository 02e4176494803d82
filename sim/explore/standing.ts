import { type Effect, effectKind } from '../../src/core/effect.ts';
import type { Digest } from './digest.ts';
import type { Digests } from './spin.ts';
import type { Task } from './task.ts';
import type { World } from './world.ts';

/**
 * Where programs stand, as hashes. A program is deterministic, so its state is decided by where it was
 * at rest, what it was told since, and what it saw of its node (`WorldNode.shared`) whenever it went on.
 */

/** It is about to go on, with that answer: what it will remember of it and of its node. */
export function chainAnswer(task: Task, answer: number): void {
  const { node, state, learned } = task;
  const seen = node.seenBy(task.looksAt);
  state.chain(answer, task.number);
  state.chain(seen.a, seen.b);
  node.order.chain(task.number, answer);
  if (learned.a !== 0 || learned.b !== 0) {
    state.chain(learned.a, learned.b);
    node.order.chain(learned.a, learned.b);
    learned.clear();
  }
  node.touched();
}

/** As a program that another one has just begun, and which may know all that that one knows. */
export function inherit(child: Task, parent: Task): void {
  const seen = parent.node.seenBy(parent.looksAt);
  child.state.copy(parent.state);
  child.state.chain(seen.a, seen.b);
}

/** Where it yields an effect at rest, it forgets; and how what it has posted ends is nothing to it. */
export function restAt(task: Task, effect: Effect): void {
  if (effect.kind !== effectKind.sleep && effect.kind !== effectKind.receive) return;
  if (!effect.isRest) return;
  const at = effect.kind === effectKind.sleep ? effect.durationNs : effect.port.id;
  task.state.clear();
  task.state.chain(at | 0, effect.kind);
  task.learned.clear();
  for (const pair of task.pairs.values()) {
    for (const flight of pair.flights) if (flight.task === task) flight.isForgotten = true;
  }
}

export function digestsOf({ state, node }: Task): Digests {
  return { order: node.order.clone(), state: state.clone() };
}

/** It stands where it stood then: nothing that it did since has changed anything. */
export function goBack({ state, node }: Task, digests: Digests): void {
  node.order.copy(digests.order);
  state.copy(digests.state);
  node.touched();
}

/** The program, and all that it can know: equal hashes, equal next steps. */
export function whereIs({ number, state, node, looksAt }: Task): Digest {
  const seen = node.seenBy(looksAt);
  const where = state.clone();
  where.chain(seen.a, number);
  where.chain(seen.b, number);
  return where;
}

/** All digests of a world. */
export interface Standing {
  /** Of nodes and programs, in the order of both. */
  readonly numbers: readonly number[];
  /** What a program that spins would go back to. */
  readonly logs: readonly (readonly Digests[])[];
}

export function standingOf(world: World): Standing {
  const numbers: number[] = [];
  for (const digest of digestsIn(world)) numbers.push(digest.a, digest.b);
  return { numbers, logs: world.tasks.map(({ spin }) => spin.standings) };
}

/** The same state has been reached again without looking where programs stand. */
export function standAt(world: World, { numbers, logs }: Standing): void {
  let i = 0;
  for (const digest of digestsIn(world)) {
    digest.a = numbers[i++] as number;
    digest.b = numbers[i++] as number;
  }
  for (const [at, { spin }] of world.tasks.entries()) spin.standings = logs[at] ?? [];
  for (const node of world.nodes) node?.touched();
}

function* digestsIn({ nodes, tasks }: World): Generator<Digest> {
  for (const node of nodes) if (node !== undefined) yield node.order;
  for (const { state, learned } of tasks) {
    yield state;
    yield learned;
  }
}
