import { nodeOf, offsetOf } from '../../src/core/address.ts';
import {
  type Effect,
  effectKind,
  type LocalAccess,
  localOp,
  type Receive,
  type Sleep,
  type Verb,
} from '../../src/core/effect.ts';
import { unreachable } from '../../src/core/errors.ts';
import { acceptMessage, type Port } from '../../src/core/message.ts';
import { highHalf, loadHalf, lowHalf, packWord, storeHalf } from '../../src/core/word.ts';
import { reliesOnVerbs } from './choices.ts';
import { Digest, hashBytes, scramble } from './digest.ts';
import { performFence } from './faults.ts';
import type { Digests } from './spin.ts';
import { chainAnswer, digestsOf, goBack, restAt, whereIs } from './standing.ts';
import { noteResumed } from './step.ts';
import { boundaryNs, type Task } from './task.ts';
import type { World } from './world.ts';

/** A program goes on to its next effect; further where it is alone on its node and need not wait. */
export function resume(world: World, task: Task): void {
  noteResumed(world, task);
  do {
    if (task.held) task.held = false;
    else if (!advance(world, task)) return;
    perform(world, task, task.effect as Effect);
  } while (!task.ended && goesOnAtOnce(world, task));
}

/** All that can go on at the nodes that a step has touched; several at once, in the order of their starts. */
export function takeTurns(world: World): void {
  const touched = world.footprint.resumed | world.footprint.arrived;
  const canGoOn = (task: Task): boolean => task.isReady && !task.mayWaitOn;
  for (const node of world.nodes) {
    if (node === undefined || (touched & (1 << node.id)) === 0) continue;
    let next: Task | undefined;
    while ((next = node.tasks.find(canGoOn)) !== undefined) resume(world, next);
  }
}

/**
 * Alone on its node, nobody can tell. Otherwise a program that computes, posts or touches its own memory
 * may be overtaken there by another one; a search of waits only leaves that out.
 */
function goesOnAtOnce(world: World, task: Task): boolean {
  if (!task.isReady || task.mayWaitOn) return false;
  if (task.isAlone || world.rules.grain === 'turns') return true;
  if (world.rules.grain === 'effects') return false;
  switch (task.effect?.kind) {
    case effectKind.compute:
    case effectKind.post:
    case effectKind.spawn:
    case effectKind.local:
      return true;
    default:
      return false;
  }
}

/** False where it has ended, or spins and does not perform its next effect yet. */
function advance(world: World, task: Task): boolean {
  const { node } = task;
  const polled = task.timedOut ? pollOf(task) : undefined;
  const before =
    polled !== undefined && (world.tracks || world.retraces) ? standing(task) : undefined;
  tell(world, task);
  node.resumes++;
  task.resumes++;
  node.current = task;
  try {
    const step = task.program.next();
    if (step.done === true) {
      task.effect = undefined;
      world.end(task);
      // Its last step may have set what others of its node poll for.
      lookAgain(task, true);
      return false;
    }
    task.effect = step.value;
  } catch (error) {
    world.end(task);
    world.failure ??= { task, error };
    return false;
  }
  task.timedOut = false;
  task.fenced = false;
  task.dueNs = Number.POSITIVE_INFINITY;
  const isPoll = polled !== undefined && pollsOn(task, polled) && !hasChanged(task, before);
  task.idleRounds = isPoll ? task.idleRounds + 1 : 0;
  const isThere = isPoll && (isAtRest(polled, task.effect) || isSameAgain(task, polled, before));
  if (isPoll && (task.idleRounds > 1 || isThere)) {
    pollAgain(world, task, timerNs(polled), before);
    return false;
  }
  if (isPoll) world.footprint.changed |= 1 << node.id;
  if (isPoll && before !== undefined && node.describe?.() !== undefined) goBack(task, before);
  if (world.rules.everyOption) restAt(task, task.effect);
  lookAgain(task, !isPoll);
  return !spins(world, task, task.effect);
}

/** Until something happens on its node, or a word that it looked at changes. */
function block(world: World, task: Task): void {
  task.blocked = true;
  world.footprint.changed |= 1 << task.node.id;
}

interface Before extends Digests {
  readonly shared: Digest;
}

function standing(task: Task): Before {
  // Where nobody keeps track, nobody has said that the node may be another one since.
  task.node.touched();
  return { ...digestsOf(task), shared: task.node.shared.clone() };
}

/** It has changed what its node remembers, and so done something. */
function hasChanged({ node }: Task, before: Before | undefined): boolean {
  if (before === undefined || node.describe?.() === undefined) return false;
  node.touched();
  const { a, b } = node.shared;
  return a !== before.shared.a || b !== before.shared.b;
}

/** As if it had not woken, until something happens on its node. */
function pollAgain(world: World, task: Task, ns: number, before: Before | undefined): void {
  if (before !== undefined) {
    goBack(task, before);
    const isKnown = world.tracks && world.rules.clockStands && world.nowNs === 0;
    if (isKnown) world.names.wokeForNothing(whereIs(task));
  }
  block(world, task);
  task.dueNs = world.nowNs + ns;
  // What it waits for to be over is what it has waited for.
  if (!world.rules.clockStands) task.sleptAtStep = world.steps;
  world.events.spins++;
}

/**
 * Whoever spins on the node of a program that went on may find it changed. `surely`: that program did more
 * than poll for the first time; else two of them would wake each other for ever.
 */
function lookAgain(task: Task, surely: boolean): void {
  for (const other of task.node.tasks) {
    if (other === task) continue;
    if (surely) other.idleRounds = 0;
    else if (other.blocked) other.idleRounds = Math.min(1, other.idleRounds);
    other.blocked = false;
  }
}

type Poll = Sleep | Receive;

/** By what it waits for a timer before it looks at its node: asleep, or for a message as well. */
function pollOf({ effect }: Task): Poll | undefined {
  if (effect?.kind === effectKind.sleep) return effect;
  if (effect?.kind !== effectKind.receive || effect.port.queue.length > 0) return undefined;
  return effect;
}

function timerNs(poll: Poll): number {
  return poll.kind === effectKind.sleep ? poll.durationNs : poll.timeoutNs;
}

function portOf(poll: Poll): Port | undefined {
  return poll.kind === effectKind.receive ? poll.port : undefined;
}

/**
 * Its timer fired, it found nothing to do and waits for the same again: as if it had not woken, until
 * something happens on its node. (What it looked at is its node's own; had it looked at memory, it would
 * have yielded.) A message wakes it nevertheless.
 *
 * Where in its program it waits nobody can see, so once is not enough: it may have gone from one sleep to
 * another one as long, and what it did in between be what others of its node wait for. Twice in a row is, and
 * once where it says that it is at rest both times, or waits by the very same effect (`until`). Three
 * different sleeps of one length, between which a program shows nobody anything, are taken for a poll as
 * well: what comes behind them is for `again.ts`.
 */
function pollsOn(task: Task, before: Poll): boolean {
  const now = pollOf(task);
  return now !== undefined && portOf(now) === portOf(before) && timerNs(now) === timerNs(before);
}

function isAtRest(before: Poll, effect: Effect): boolean {
  const waits = effect.kind === effectKind.sleep || effect.kind === effectKind.receive;
  return before.isRest && waits && effect.isRest;
}

/**
 * It waits by the very same effect. That says where in its program it is, and not that it has done nothing:
 * of a node that does not say what it remembers, others may wait for what it did.
 */
function isSameAgain(task: Task, polled: Poll, before: Before | undefined): boolean {
  if (before === undefined || task.node.describe?.() === undefined) return false;
  return polled === task.effect;
}

/** What the program is about to learn becomes part of the state. */
function tell(world: World, task: Task): void {
  const { effect } = task;
  if (effect === undefined) {
    if (world.tracks) chainAnswer(task, 11);
    return;
  }
  let answer = effect.kind as number;
  if (effect.kind === effectKind.wait) {
    for (const [i, ticket] of effect.tickets.entries())
      answer = scramble(answer, i, ticket.status, 0);
  } else if (effect.kind === effectKind.receive) {
    const message = effect.port.queue.shift();
    if (message !== undefined) {
      acceptMessage(task.counters, message);
      world.footprint.took |= 1 << task.node.id;
      effect.message = message;
      answer = scramble(answer, message.from, message.request, hashBytes(message.body));
      world.observer?.stepped(task, `takes ${message.flags === 1 ? 'answer' : 'request'}`);
    }
  } else if (effect.kind === effectKind.local) {
    if (effect.op === localOp.read) answer = hashBytes(effect.buffer as Uint8Array);
    if (effect.op === localOp.cas) answer = lowHalf(effect.word) ^ highHalf(effect.word);
  }
  if (world.tracks) chainAnswer(task, answer);
  if (effect.kind !== effectKind.verb) task.spin.answered(answer);
}

const untold: Digests = { order: new Digest(), state: new Digest() };

function spins(world: World, task: Task, effect: Effect): boolean {
  const { spin, node } = task;
  if (effect.kind === effectKind.sleep && effect.durationNs === boundaryNs) {
    spin.clear();
    return false;
  }
  const signature = signatureOf(effect);
  const foreign = node.resumes - task.resumes;
  const loop = spin.loop(signature, foreign, (flight) => world.hasChangedSince(flight));
  world.footprint.wentRound ||= spin.wentRound;
  if (loop === undefined) {
    const digests = world.tracks ? digestsOf(task) : untold;
    spin.yielded(signature, foreign, task.serial, digests, isPure(effect));
    return false;
  }
  if (world.tracks) goBack(task, loop.digests);
  task.serial = loop.serial;
  spin.watched = loop.flights;
  spin.yielded(signature, foreign, task.serial, loop.digests, isPure(effect));
  block(world, task);
  task.held = true;
  world.events.spins++;
  return true;
}

/** Effects that can be part of a round that changes nothing; of verbs, what they did decides. */
function isPure(effect: Effect): boolean {
  switch (effect.kind) {
    case effectKind.verb:
    case effectKind.batch:
    case effectKind.compute:
    case effectKind.sleep:
      return true;
    case effectKind.local:
      return effect.op === localOp.read;
    default:
      return false;
  }
}

function signatureOf(effect: Effect): number {
  switch (effect.kind) {
    case effectKind.verb:
      return signatureOfVerb(effect);
    case effectKind.batch:
      return effect.verbs.reduce((h, verb) => scramble(h, signatureOfVerb(verb), 0, 1), 1);
    case effectKind.receive:
      return scramble(effect.kind, effect.port.id, 0, 0);
    case effectKind.local:
      return scramble(effect.kind, effect.op, offsetOf(effect.address), effect.lengthBytes);
    case effectKind.compute:
      return scramble(effect.kind, effect.work.length, effect.units, 0);
    default:
      return scramble(effect.kind, 0, 0, 0);
  }
}

function signatureOfVerb(verb: Verb<unknown>): number {
  const place = scramble(verb.op, nodeOf(verb.address), offsetOf(verb.address), verb.lengthBytes);
  return scramble(place, lowHalf(verb.operand), highHalf(verb.operand), lowHalf(verb.compare));
}

function perform(world: World, task: Task, effect: Effect): void {
  switch (effect.kind) {
    case effectKind.verb:
      world.post(task, [effect]);
      break;
    case effectKind.batch:
    case effectKind.post:
      world.post(task, effect.verbs);
      break;
    case effectKind.receive:
      world.footprint.took |= 1 << task.node.id;
      setTimer(world, task, effect.timeoutNs);
      break;
    case effectKind.wait:
      setTimer(world, task, effect.timeoutNs);
      break;
    case effectKind.sleep:
      sleep(world, task, effect.durationNs);
      break;
    case effectKind.local:
      accessLocally(world, task, effect);
      break;
    case effectKind.spawn: {
      const name = `${task.name}.${task.spawned++}`;
      world.add(task.node, name, effect.program, true, task);
      break;
    }
    case effectKind.reconnect:
      // What was posted on the old queue pair may still take effect; the next verb makes a new one.
      task.pairs.delete(effect.node);
      break;
    case effectKind.compute:
    case effectKind.fence:
      break;
    default:
      unreachable(effect);
  }
}

function setTimer(world: World, task: Task, durationNs: number): void {
  task.dueNs = world.nowNs + durationNs;
  task.sleptAtStep = world.steps;
  if (reliesOnVerbs(world, task)) world.footprint.rests = true;
}

/** Where nobody looks at the clock, and nobody else is on the node, a pause is as good as none. */
function sleep(world: World, task: Task, durationNs: number): void {
  if (durationNs === boundaryNs) return;
  setTimer(world, task, durationNs);
  const matters = world.clockRead || world.timing === 'bounded' || !task.isAlone;
  if (!matters) task.timedOut = true;
}

/** The fence that a program waits for takes effect now. */
export function takeFence(world: World, task: Task): void {
  const { effect } = task;
  if (effect?.kind !== effectKind.fence) return;
  performFence(world, effect.node, effect.incarnation);
  task.fenced = true;
}

function accessLocally(world: World, task: Task, access: LocalAccess<unknown>): void {
  const { memory } = world;
  const { address, buffer, lengthBytes, op } = access;
  memory.check(address, lengthBytes);
  const node = nodeOf(address);
  const from = offsetOf(address) / 8;
  const to = from + lengthBytes / 8 - 1;
  const before = memory.changes;
  world.sharing?.touch(task.root, node, from, to, op !== localOp.read);
  if (op === localOp.persist) memory.flush(node, from, to);
  else if (op === localOp.cas) {
    access.word = packWord(memory.high(node, from), memory.low(node, from));
    if (access.word === access.compare) {
      memory.store(node, from, lowHalf(access.operand) | 0, highHalf(access.operand) | 0);
    }
  } else if (buffer !== undefined) {
    for (let i = 0; i <= to - from; i++) {
      if (op === localOp.read) {
        storeHalf(buffer, 8 * i, memory.low(node, from + i));
        storeHalf(buffer, 8 * i + 4, memory.high(node, from + i));
      } else {
        const low = loadHalf(buffer, 8 * i) | 0;
        memory.store(node, from + i, low, loadHalf(buffer, 8 * i + 4) | 0);
      }
    }
    if (op === localOp.write) world.observer?.stepped(task, `local write ${lengthBytes} B`);
  }
  world.footprint.access(node, from, to, memory.changes !== before);
  if (op !== localOp.read) world.footprint.wrote |= 1 << node;
}
