import { type Digest, scramble } from './digest.ts';
import type { Flight } from './flight.ts';

/** One effect of a program, with what it was told, that has changed nothing outside the program. */
interface Entry {
  readonly signature: number;
  answer: number;
  /** Where the program and its node stood when it yielded the effect. */
  readonly serial: number;
  readonly foreign: number;
  digests: Digests;
  readonly flights: Flight[];
}

/** `order` of the node and `state` of the program, when it yielded an effect. */
export interface Digests {
  readonly order: Digest;
  readonly state: Digest;
}

export interface Loop {
  readonly serial: number;
  readonly digests: Digests;
  /** What the program looked at in one round. */
  readonly flights: readonly Flight[];
}

const roundMax = 12;
const entriesMax = 64;

/**
 * Notices that a program spins: that it is about to begin the third of three equal rounds, of which two
 * gave the same answers and changed nothing, while no other program of its node ran.
 */
export class SpinLog {
  readonly #entries: Entry[] = [];
  /** What a program looked at in the round that it would repeat. */
  watched: readonly Flight[] = [];
  /** It has gone through equal rounds; whether it spins, words decide that may have changed since. */
  wentRound = false;

  clear(): void {
    this.#entries.length = 0;
  }

  /** Asked before the program's next effect is performed. */
  loop(signature: number, foreign: number, isStale: (flight: Flight) => boolean): Loop | undefined {
    const entries = this.#entries;
    const n = entries.length;
    this.wentRound = false;
    for (let length = 1; length <= roundMax && 2 * length <= n; length++) {
      const first = entries[n - 2 * length] as Entry;
      if (first.signature !== signature || first.foreign !== foreign) continue;
      if (!this.#repeats(length)) continue;
      this.wentRound = true;
      // A torn READ may have seen what was changed before it ended: then nobody would wake the program.
      if (entries.slice(n - length).some(({ flights }) => flights.some(isStale))) continue;
      const round = entries.splice(n - length, length);
      const { serial, digests } = round[0] as Entry;
      return { serial, digests, flights: round.flatMap((entry) => entry.flights) };
    }
    return undefined;
  }

  #repeats(length: number): boolean {
    const entries = this.#entries;
    const n = entries.length;
    for (let i = n - length; i < n; i++) {
      const now = entries[i] as Entry;
      const before = entries[i - length] as Entry;
      if (now.signature !== before.signature || now.answer !== before.answer) return false;
    }
    return true;
  }

  /** It yields an effect; one that is no part of a round makes all before it no part of any. */
  yielded(
    signature: number,
    foreign: number,
    serial: number,
    digests: Digests,
    isPure: boolean,
  ): void {
    if (!isPure) this.clear();
    else {
      if (this.#entries.length === entriesMax) this.#entries.splice(0, entriesMax / 2);
      this.#entries.push({ signature, answer: 0, serial, foreign, digests, flights: [] });
    }
  }

  /** A verb of the newest effect acted, with that answer. */
  acted(flight: Flight, answer: number, isPure: boolean): void {
    const entry = this.#entries[this.#entries.length - 1];
    if (entry === undefined) return;
    if (!isPure) {
      this.clear();
      return;
    }
    entry.answer =
      (entry.answer + scramble(flight.serial - entry.serial, answer, flight.from, flight.node)) | 0;
    entry.flights.push(flight);
  }

  /** Where program and node stood at each effect that it knows of; settable, for a run that is repeated. */
  get standings(): readonly Digests[] {
    return this.#entries.map(({ digests }) => digests);
  }

  set standings(all: readonly Digests[]) {
    for (const [i, digests] of all.entries()) {
      const entry = this.#entries[i];
      if (entry !== undefined) entry.digests = digests;
    }
  }

  answered(answer: number): void {
    const entry = this.#entries[this.#entries.length - 1];
    if (entry !== undefined) entry.answer = scramble(entry.answer, answer, 0, 0);
  }
}
