import { meetingPoints } from '../job.ts';
import { type RunSignals, stopReason } from '../shared/control.ts';
import type { ProcessMessage, ProcessOrder } from './messages.ts';

/** How often what a node shows goes out. */
const showMs = 5;

/**
 * A run's signals for a node that shares no memory with the others: it says what it does, and knows of the
 * others what it was last told. Both travel while its loop looks at the event loop, every half millisecond.
 */
export class RemoteSignals implements RunSignals {
  stopped: number = stopReason.none;
  abortRequested = false;
  readonly #say: (message: ProcessMessage) => void;
  #arrived: readonly number[] = new Array<number>(meetingPoints).fill(0);
  readonly #shown = new Map<number, number>();
  readonly #changed = new Set<number>();
  readonly #timer: NodeJS.Timeout;

  constructor(say: (message: ProcessMessage) => void) {
    this.#say = say;
    this.#timer = setInterval(() => this.#show(), showMs);
  }

  hear(signals: Extract<ProcessOrder, { kind: 'signals' }>): void {
    if (this.stopped === stopReason.none) this.stopped = signals.stopped;
    this.abortRequested = signals.abortRequested;
    this.#arrived = signals.arrived;
  }

  clientJoins(): void {
    this.#say({ kind: 'joins' });
  }

  clientLeaves(): void {
    this.#show();
    this.#say({ kind: 'leaves' });
  }

  arrive(point: number): void {
    this.#say({ kind: 'arrives', point });
  }

  arrived(point: number): number {
    return this.#arrived[point] ?? 0;
  }

  setProgress(_node: number, slot: number, value: number): void {
    if (this.#shown.get(slot) === value) return;
    this.#shown.set(slot, value);
    this.#changed.add(slot);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #show(): void {
    for (const slot of this.#changed) {
      this.#say({ kind: 'shows', slot, value: this.#shown.get(slot) as number });
    }
    this.#changed.clear();
  }
}
