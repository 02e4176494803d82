/** Of an incarnation at a memory node. */
export function senderAt(node: number, incarnation: number): number {
  return node + 4096 * incarnation;
}

/** What one step touched: enough to tell whether two steps commute. */
export class Footprint {
  /**
   * Roots whose programs went on, or of whose verbs one acted: they share queue pairs, and learn how their
   * verbs end whenever they go on. Steps with a root in common never commute.
   */
  readonly roots: number[] = [];
  /** Bit sets of nodes: one of their programs went on; a message came to them. */
  resumed = 0;
  arrived = 0;
  /**
   * Bit sets of nodes: what their programs have in common is another than before, or a program there
   * began, ended, or waits for others of the node to do something; messages were posted from them;
   * programs there took messages, or began to wait for them. Two steps in which programs of one node went
   * on commute but for these.
   */
  changed = 0;
  sent = 0;
  took = 0;
  /**
   * In bounded timing: a program may rely on those verbs being over, when it wakes, that were in flight
   * when it fell asleep, which it did; verbs were posted. The order decides whether they are among them.
   */
  rests = false;
  posted = false;
  /** An operation began, or ended: their order is what real time means to a history. */
  began = false;
  ended = false;
  /** The clock was moved, or read. */
  clock = false;
  /** A program came to equal rounds: what has changed since decides whether it spins. */
  wentRound = false;
  /** Commutes with nothing: faults, and fences of who still runs. */
  global = false;
  /** Bit set of nodes at which a verb that was no READ acted, whether it changed anything or not. */
  wrote = 0;
  /**
   * Of a verb that acted, whose it was; and of whom a fence has cut off the verbs, one number for node and
   * incarnation, -1 for none. A fence of who has crashed changes nothing else: nothing is posted there by
   * that incarnation any more. Two fences of one incarnation at one node leave the same.
   */
  actedFor = -1;
  fenced = -1;
  /** Node, first word, last word, 1 where one of them became another: four numbers an access. */
  readonly accesses: number[] = [];

  concerns(root: number): void {
    if (!this.roots.includes(root)) this.roots.push(root);
  }

  access(node: number, from: number, to: number, isWrite: boolean): void {
    this.accesses.push(node, from, to, isWrite ? 1 : 0);
  }

  /** As plain numbers, for another isolate; `Footprint.of` is the inverse. */
  toNumbers(): number[] {
    const { roots, accesses } = this;
    const numbers = fields.map((field) => Number(this[field]));
    return [...numbers, roots.length, ...roots, ...accesses];
  }

  static of(numbers: Iterable<number>): Footprint {
    const all = [...numbers];
    const footprint = new Footprint();
    for (const [i, field] of fields.entries()) {
      const isFlag = typeof footprint[field] === 'boolean';
      Object.assign(footprint, { [field]: isFlag ? all[i] === 1 : all[i] });
    }
    const rootsAt = fields.length + 1;
    const accessesAt = rootsAt + (all[fields.length] as number);
    footprint.roots.push(...all.slice(rootsAt, accessesAt));
    footprint.accesses.push(...all.slice(accessesAt));
    return footprint;
  }

  /** Whether the two, both possible in one state, lead to the same state in either order. */
  commutesWith(other: Footprint): boolean {
    if (this.global || other.global) return false;
    if ((this.began && other.ended) || (this.ended && other.began)) return false;
    if (this.clock && other.clock) return false;
    if ((this.rests && other.posted) || (this.posted && other.rests)) return false;
    if (this.fenced >= 0 && this.fenced === other.actedFor) return false;
    if (other.fenced >= 0 && other.fenced === this.actedFor) return false;
    if ((this.arrived & other.arrived) !== 0) return false;
    if ((this.arrived & other.resumed) !== 0 && this.#isHeard(other)) return false;
    if ((other.arrived & this.resumed) !== 0 && other.#isHeard(this)) return false;
    const both = this.resumed & other.resumed;
    if (both !== 0 && this.#haveMet(other, both)) return false;
    return !this.roots.some((root) => other.roots.includes(root)) && !this.#meets(other);
  }

  /** On the nodes where programs of both went on, whether it matters who did first. */
  #haveMet(other: Footprint, both: number): boolean {
    if (((this.changed | other.changed) & both) !== 0) return true;
    return (((this.sent & other.sent) | (this.took & other.took)) & both) !== 0;
  }

  /**
   * Whether programs that went on at a node could tell that a message came there before. It lies in a port
   * that none of them took from or came to wait at; whoever waited there went on in the step in which it
   * came, and is no root of theirs; `changed` has it where it made room in a ring, or began a program. But
   * it wakes whoever polls, which is in `changed` too, and each message sent says what has come.
   */
  #isHeard({ changed, sent, took }: Footprint): boolean {
    return ((this.changed | changed | sent | took) & this.arrived) !== 0;
  }

  #meets({ accesses: theirs }: Footprint): boolean {
    const { accesses: ours } = this;
    for (let i = 0; i < ours.length; i += 4) {
      for (let j = 0; j < theirs.length; j += 4) {
        if (ours[i] !== theirs[j] || (ours[i + 3] === 0 && theirs[j + 3] === 0)) continue;
        const apart =
          (ours[i + 2] as number) < (theirs[j + 1] as number) ||
          (theirs[j + 2] as number) < (ours[i + 1] as number);
        if (!apart) return true;
      }
    }
    return false;
  }
}

const fields = [
  'resumed',
  'arrived',
  'changed',
  'sent',
  'took',
  'rests',
  'posted',
  'began',
  'ended',
  'clock',
  'global',
  'wrote',
  'actedFor',
  'fenced',
] as const;
