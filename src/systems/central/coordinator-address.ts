/** Who is called, as all clients of a node see it. Handlers listen on ports 0 to `handlers` - 1. */
export class CoordinatorAddress {
  readonly handlers: number;
  /** The coordinator, then its standbys. */
  readonly #nodes: readonly number[];
  /** Of the one that answered last. */
  #index = 0;
  /** Of the coordinator that answered last. */
  term = 0;
  repeated = 0;
  abandoned = 0;

  constructor(nodes: readonly number[], handlers: number) {
    this.#nodes = nodes;
    this.handlers = handlers;
  }

  /** There are no standbys. */
  get isOnly(): boolean {
    return this.#nodes.length === 1;
  }

  /** The one that answered last, or was told to be the one, and then the others in turn. */
  nodeAt(offset: number): number {
    return this.#nodes[(this.#index + offset) % this.#nodes.length] as number;
  }

  remembers(): unknown {
    return [this.#index, this.term];
  }

  answeredBy(node: number, term: number): void {
    if (term !== this.term || node !== this.nodeAt(0)) this.moveTo(node);
    this.term = term;
  }

  moveTo(node: number): void {
    const index = this.#nodes.indexOf(node);
    if (index >= 0) this.#index = index;
  }
}
