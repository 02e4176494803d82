import type {
  ComputeTrace,
  LocalTrace,
  MessageTrace,
  TraceSink,
  VerbTrace,
} from '../../../sim/index.ts';

/** Keeps what happens between `start` and `stop`, in the order in which the simulator tells it. */
export class Recording implements TraceSink {
  readonly verbs: VerbTrace[] = [];
  readonly messages: MessageTrace[] = [];
  readonly locals: LocalTrace[] = [];
  readonly computes: ComputeTrace[] = [];
  #on = false;
  #fromNs = 0;

  /** What was posted earlier and completes later is left out. */
  start(nowNs: number): void {
    this.#on = true;
    this.#fromNs = nowNs;
  }

  stop(): void {
    this.#on = false;
  }

  verb(event: VerbTrace): void {
    if (this.#on && event.postNs >= this.#fromNs) this.verbs.push(event);
  }

  message(event: MessageTrace): void {
    if (this.#on) this.messages.push(event);
  }

  local(event: LocalTrace): void {
    if (this.#on) this.locals.push(event);
  }

  compute(event: ComputeTrace): void {
    if (this.#on) this.computes.push(event);
  }
}
