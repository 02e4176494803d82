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
  /** Commutes with nothing: faults, fences. */
  global = false;
  /** Node, first word, last word, 1 where written: four numbers an access. */
  readonly accesses: number[] = [];

  access(node: number, from: number, to: number, isWrite: boolean): void {
    this.accesses.push(node, from, to, isWrite ? 1 : 0);
  }

  /** Whether the two, both possible in one state, lead to the same state in either order. */
  commutesWith(other: Footprint): boolean {
    if (this.global || other.global || this.task === other.task) return false;
    if ((this.began && other.ended) || (this.ended && other.began)) return false;
    if (this.clock && other.clock) return false;
    const nodes = this.resumed | this.arrived;
    if ((this.resumed & (other.resumed | other.arrived)) !== 0) return false;
    if ((nodes & other.resumed) !== 0 || (this.arrived & other.arrived) !== 0) return false;
    return !this.#meets(other);
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
