import { effectKind, verbOp } from '../../src/core/effect.ts';
import { messageHeader } from '../../src/core/message.ts';
import { choiceKind, kindOf, type TaskNames, taskOf } from './choice.ts';
import { type Flight, flightState } from './flight.ts';
import type { Knowledge } from './knowledge.ts';
import type { WorldMemory } from './memory.ts';
import type { WorldNode } from './node.ts';
import { boundaryNs, type Task } from './task.ts';
import type { World } from './world.ts';

/** Who has touched a word so far, in all schedules of a search. */
interface Word {
  /** Owner of the queue pair that did; of several, -1. */
  owner: number;
  written: boolean;
}

const several = -1;
const nodeFactor = 2 ** 32;

/**
 * Which words only one queue pair touches, or nobody changes: verbs to such words commute with all that
 * anybody else does, so an exhaustive search tries them at one moment only (`lonely`).
 *
 * Nobody declares that; it is what the search has seen so far. Where a word on which it has relied turns
 * out to be shared after all, `wasWrong` says so, and the search begins anew with what it has learnt. Once
 * it ends without, it is complete. For suppose that some schedule has two conflicting verbs of two queue
 * pairs at a word taken for lonely, and take a shortest one, up to its second such verb, b. All that was
 * tried at one moment only on the way commutes with all else before b. So moving each of these verbs to
 * where the reduced search has it gives a schedule that the search ran, in which b acts as well, and the
 * search would have seen that the word is shared.
 */
export class Sharing {
  wasWrong = false;
  readonly #words = new Map<number, Word>();
  readonly #reliedOn = new Set<number>();
  /** By node and port: whose messages came to it. */
  readonly #senders = new Map<number, number>();
  readonly #reliedOnPort = new Set<number>();
  /** Ports that nobody has sent to, where that mattered. */
  readonly #reliedOnSilence = new Set<number>();

  /** A verb acts, or a program touches memory of its own node. */
  touch(owner: number, node: number, from: number, to: number, isWrite: boolean): void {
    for (let word = from; word <= to; word++) {
      const key = node * nodeFactor + word;
      const known = this.#words.get(key);
      if (known === undefined) {
        this.#words.set(key, { owner, written: isWrite });
        continue;
      }
      if (known.owner !== owner) known.owner = several;
      known.written ||= isWrite;
      if (known.owner === several && known.written && this.#reliedOn.has(key)) this.wasWrong = true;
    }
  }

  /** A message comes to a port. */
  arrive(owner: number, node: number, port: number): void {
    const key = node * nodeFactor + port;
    const known = this.#senders.get(key);
    this.#senders.set(key, known === undefined || known === owner ? owner : several);
    if (known !== owner && this.#reliedOnPort.has(key)) this.wasWrong = true;
    if (this.#reliedOnSilence.has(key)) this.wasWrong = true;
  }

  /**
   * Whether all that the verb does is its program's own business, now and at any later moment, so that it
   * may as well do it now; from then on the search relies on that.
   *
   * Not the verb of a crashed program: it may also never act, which whoever looks at memory in the end
   * could tell. Nor one that may let a program end for which the run waits: the run is over with the last of
   * them, so what the background does then, and crashes in the middle of that, would be tried after one end
   * less. (A put has landed, a get finds it and ends, and then its node crashes, before the put has ended:
   * with the put's answer at once, the get is the last to end.)
   */
  isLonely(world: World, flight: Flight): boolean {
    const { verb, task, pair } = flight;
    if (flight.isOrphan || flight.state !== flightState.posted || verb.op === verbOp.flush)
      return false;
    if (mayEnd(task)) return false;
    if (world.rules.grain === 'turns' && !this.#isAlone(world, task.node)) return false;
    if (world.memory.isMailbox(flight.node, flight.from))
      return this.#isLonelyMessage(world, flight);
    // It could time out instead.
    if (task.effect?.kind === effectKind.wait && task.dueNs < Number.POSITIVE_INFINITY)
      return false;
    const isRead = verb.op === verbOp.read;
    for (let word = flight.from; word <= flight.to; word++) {
      const known = this.#words.get(flight.node * nodeFactor + word);
      // Never seen, or never changed: if it ever is, the search begins anew.
      if (known === undefined || (isRead && !known.written)) continue;
      if (known.owner !== pair.owner) return false;
      // A later WRITE of the same queue pair may overtake a READ.
      if (isRead && task.effect?.kind !== effectKind.verb) return false;
    }
    for (let word = flight.from; word <= flight.to; word++) {
      this.#reliedOn.add(flight.node * nodeFactor + word);
    }
    return true;
  }

  /**
   * Messages of one sender come in order, so when each comes matters to nobody but a receiver that could
   * give up before, or one that takes what others send to the same port.
   */
  #isLonelyMessage(world: World, flight: Flight): boolean {
    if (world.earlyTimersLeft > 0) return false;
    const receiver = world.nodes[flight.node];
    if (receiver === undefined || !this.#isAlone(world, receiver)) return false;
    if (receiver.tasks.some(mayEnd)) return false;
    const key = flight.node * nodeFactor + portOf(world.memory, flight);
    const sender = this.#senders.get(key);
    if (sender !== undefined && sender !== flight.pair.owner) return false;
    this.#senders.set(key, flight.pair.owner);
    this.#reliedOnPort.add(key);
    return true;
  }

  /** Of what may happen next, what has to be tried here: a lonely verb, and faults, or all of it. */
  reduce(world: World, choices: readonly number[]): readonly number[] {
    if (choices.length < 2) return choices;
    for (const choice of choices) {
      if (!this.#isAlonesBusiness(world, choice)) continue;
      // Faults are offered right after a step of the node concerned only.
      return choices.filter((other) => other === choice || kindOf(other) === choiceKind.fault);
    }
    return choices;
  }

  #isAlonesBusiness(world: World, choice: number): boolean {
    const kind = kindOf(choice);
    if (kind === choiceKind.act) return this.isLonely(world, world.flightOf(choice));
    if (kind === choiceKind.fault || kind === choiceKind.again) return false;
    const number = taskOf(choice);
    const task = world.tasks.find((candidate) => candidate.number === number);
    if (task === undefined || world.foreground === 1) return false;
    if (world.rules.grain !== 'turns' || !this.#isAlone(world, task.node)) return false;
    // A program that has not begun has no operation under way; its first step begins none.
    return kind === choiceKind.go ? task.effect === undefined : isFencedAlready(world, task);
  }

  /**
   * Whether no more than one program of the node can go on before that one does: the others wait for
   * timers that do not fire now, or for messages that never come.
   */
  #isAlone(world: World, node: WorldNode): boolean {
    if (node.tasks.length === 1) return true;
    let others = -1;
    for (const { effect, dueNs } of node.tasks) {
      const sleeps = effect?.kind === effectKind.sleep && effect.durationNs !== boundaryNs;
      const receives = effect?.kind === effectKind.receive && effect.port.queue.length === 0;
      const isTimed = dueNs < Number.POSITIVE_INFINITY && world.earlyTimersLeft > 0;
      const port = receives ? node.id * nodeFactor + effect.port.id : -1;
      const isSilent = sleeps || (receives && !this.#senders.has(port));
      if (isTimed || !isSilent) others++;
      else if (receives) this.#reliedOnSilence.add(port);
    }
    return others <= 0;
  }

  /** The search begins anew, with what it knows. */
  restart(): void {
    this.wasWrong = false;
    this.#reliedOn.clear();
    this.#reliedOnPort.clear();
    this.#reliedOnSilence.clear();
  }

  /** For another isolate, which has other numbers for the same programs. */
  tell(names: TaskNames): Knowledge {
    const text = (owner: number): string =>
      owner === several ? '' : `${Math.floor(owner / 4096)} ${names.nameOf(owner % 4096)}`;
    return {
      words: [...this.#words].map(([key, word]) => [key, text(word.owner), word.written]),
      senders: [...this.#senders].map(([key, owner]) => [key, text(owner)]),
      reliedOn: [...this.#reliedOn],
      reliedOnPort: [...this.#reliedOnPort],
      reliedOnSilence: [...this.#reliedOnSilence],
    };
  }

  /** What others have learnt; of what they relied on, nothing. */
  hear({ words, senders }: Knowledge, names: TaskNames): void {
    const number = (text: string): number => {
      if (text === '') return several;
      const at = text.indexOf(' ');
      return 4096 * Number(text.slice(0, at)) + names.numberOf(text.slice(at + 1));
    };
    for (const [key, owner, written] of words) {
      this.#words.set(key, { owner: number(owner), written });
    }
    for (const [key, owner] of senders) this.#senders.set(key, number(owner));
  }
}

function mayEnd({ daemon, endsLater }: Task): boolean {
  return !daemon && !endsLater;
}

/** It fences who is fenced there: that changes nothing, now or later. */
function isFencedAlready(world: World, { effect }: Task): boolean {
  if (effect?.kind !== effectKind.fence) return false;
  return world.fenced[effect.node]?.has(effect.incarnation) === true;
}

/** The port that a message is for, by the WRITE of its sequence word. */
export function portOf(memory: WorldMemory, { node, from }: Flight): number {
  return messageHeader.field.port.get(memory.node(node), 8 * from + 8);
}
