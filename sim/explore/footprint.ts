/** Of an incarnation at a memory node. */
export function senderAt(node: number, incarnation: number): number {
  return node + 4096 * incarnation;
}

/** What one step touched: enough to tell whether two steps commute. */
export class Footprint {
  /** The task that it belongs to; steps of one task never commute. */
  task = -1;
  /** Bit sets of nodes: one of their programs went on; a message came to them. */
  resumed = 0;
  arrived = 0;
  /** An operation began, or ended: their order is what real time means to a history. */
  began = false;
  ended = false;
  /** The clock was moved, or read. */
  clock = false;
  /** Commutes with nothing: faults, and fences of who still runs. */
  global = false;
  /**
   * Of a verb that acted, whose it was; and of whom a fence has cut off the verbs, one number for node and
   * incarnation, -1 for none. A fence of who has crashed changes nothing else: nothing is posted there by
   * that incarnation any more, and of the fences of one incarnation at one node the first decides.
   */
  actedFor = -1;
  fenced = -1;
  /** Node, first word, last word, 1 where written: four numbers an access. */
  readonly accesses: number[] = [];

  access(node: number, from: number, to: number, isWrite: boolean): void {
    this.accesses.push(node, from, to, isWrite ? 1 : 0);
  }

  /** As plain numbers, for another isolate; `Footprint.of` is the inverse. */
  toNumbers(): number[] {
    const { task, resumed, arrived, began, ended, clock, global, actedFor, fenced } = this;
    const flags = [began, ended, clock, global].map(Number);
    return [task, resumed, arrived, actedFor, fenced, ...flags, ...this.accesses];
  }

  static of(numbers: Iterable<number>): Footprint {
    const [task, resumed, arrived, actedFor, fenced, ...rest] = numbers;
    const footprint = new Footprint();
    const [began, ended, clock, global] = rest.map(Boolean);
    Object.assign(footprint, { task, resumed, arrived, actedFor, fenced });
    Object.assign(footprint, { began, ended, clock, global });
    footprint.accesses.push(...rest.slice(4));
    return footprint;
  }

  /** Whether the two, both possible in one state, lead to the same state in either order. */
  commutesWith(other: Footprint): boolean {
    if (this.global || other.global || this.task === other.task) return false;
    if ((this.began && other.ended) || (this.ended && other.began)) return false;
    if (this.clock && other.clock) return false;
    if (this.fenced >= 0 && this.#isCut(other)) return false;
    if (other.fenced >= 0 && other.#isCut(this)) return false;
    const nodes = this.resumed | this.arrived;
    if ((this.resumed & (other.resumed | other.arrived)) !== 0) return false;
    if ((nodes & other.resumed) !== 0 || (this.arrived & other.arrived) !== 0) return false;
    return !this.#meets(other);
  }

  #isCut({ actedFor, fenced }: Footprint): boolean {
    return actedFor === this.fenced || fenced === this.fenced;
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
