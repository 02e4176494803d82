import { mix32 } from '../src/core/hash.ts';
import { highHalf, loadHalf, lowHalf, storeHalf } from '../src/core/word.ts';
import type { Flight } from './flight.ts';
import { ReadWindows } from './read-windows.ts';
import { Ring } from './ring.ts';
import type { SparseBytes } from './sparse-bytes.ts';

/**
 * How verbs tear at one node's memory.
 *
 * A verb that has arrived moves its bytes during a window of fixed length: word i of a WRITE lands at a
 * moment, and word i of a READ is sampled at a moment, each drawn (by hash of verb and word) from its
 * window. So whatever overlaps in time sees any mixture of old and new words, in any order, but never
 * half a word, and a word that one reader has seen new stays new for all who sample it later.
 *
 * Nothing of this is computed unless ranges overlap while windows do. A READ copies what is visible at
 * once and is patched by WRITEs that arrive during its window; a WRITE stays where it is (in the
 * writer's buffer, which must not change before completion) and is copied in when its window ends.
 * All windows are equally long, so both lists are first-in first-out.
 *
 * Order within a queue pair: a WRITE's window closes early, landing all of it, when the next verb of
 * its queue pair acts. A READ's samples begin where those of the READ before it end, and a FLUSH waits
 * for them. A WRITE or atomic waits for no earlier READ: that is the order exception, and the READ may
 * see what came after it.
 */
export class Windows {
  readonly #visible: SparseBytes;
  readonly #windowPs: number;
  readonly #reads = new ReadWindows();
  /** In arrival order; their windows may still be open. */
  readonly #writes = new Ring<Flight>(64);

  constructor(visible: SparseBytes, windowPs: number) {
    this.#visible = visible;
    this.#windowPs = windowPs;
  }

  /**
   * Lands every WRITE whose window is over: before anything is done to this memory, and at the latest when
   * the WRITE completes, since its record is used again.
   */
  landWrites(nowPs: number): void {
    const writes = this.#writes;
    while (writes.count > 0 && writes.at(0).windowEndPs <= nowPs) this.closeWrite(writes.shift());
  }

  /** `notBeforePs`: the end of the window of the queue pair's READ before it, which it must follow. */
  beginRead(flight: Flight, nowPs: number, notBeforePs: number): void {
    flight.actPs = nowPs;
    flight.windowFromPs = Math.max(nowPs, notBeforePs);
    flight.windowEndPs = nowPs + this.#windowPs;
    if (flight.buffer === undefined) this.#visible.readWord(flight.offset, flight.verb);
    else this.#visible.read(flight.offset, flight.buffer);
    const writes = this.#writes;
    for (let i = 0; i < writes.count; i++) {
      const write = writes.at(i);
      if (write.open && overlaps(write, flight.offset, flight.lengthBytes)) {
        this.#reveal(write, flight);
      }
    }
    this.#reads.push(flight, flight.windowEndPs, nowPs);
  }

  beginWrite(flight: Flight, nowPs: number): void {
    flight.actPs = nowPs;
    flight.windowFromPs = nowPs;
    flight.windowEndPs = nowPs + this.#windowPs;
    flight.open = true;
    this.#writes.push(flight);
    for (let i = 0; ; i++) {
      const read = this.#reads.open(i, nowPs);
      if (read === undefined) return;
      if (overlaps(read, flight.offset, flight.lengthBytes)) this.#reveal(flight, read);
    }
  }

  /** The WRITE lands whole, now. */
  closeWrite(flight: Flight): void {
    if (flight.open) this.#apply(flight);
  }

  /** Puts into memory the words of open WRITEs of this range that have landed by now. */
  settle(offset: number, lengthBytes: number, nowPs: number): void {
    const writes = this.#writes;
    for (let i = 0; i < writes.count; i++) {
      const write = writes.at(i);
      if (!write.open || !overlaps(write, offset, lengthBytes)) continue;
      const from = Math.max(write.offset, offset);
      const to = Math.min(write.offset + write.lengthBytes, offset + lengthBytes);
      for (let at = from; at < to; at += 8) {
        const landPs = this.#momentPs(write, at);
        if (landPs > nowPs || isDead(write, at) || this.#overtaken(write, at, landPs, nowPs))
          continue;
        this.#visible.setWord(at, sourceLow(write, at), sourceHigh(write, at));
        kill(write, at);
      }
    }
  }

  /** Words of open WRITEs on the word at `offset` that have not landed: each asks `lost` whether it may. */
  race(offset: number, lost: () => boolean): void {
    const writes = this.#writes;
    for (let i = 0; i < writes.count; i++) {
      const write = writes.at(i);
      if (write.open && overlaps(write, offset, 8) && !isDead(write, offset) && lost()) {
        kill(write, offset);
      }
    }
  }

  /**
   * An atomic has changed its word. Whoever arrives from now on sees it; a READ whose window is open
   * sees it if it samples the word late enough.
   */
  showAtomic(flight: Flight): void {
    const { offset } = flight;
    if (this.#reads.open(0, flight.actPs) === undefined) return;
    flight.windowFromPs = flight.actPs;
    flight.windowEndPs = flight.actPs + this.#windowPs;
    const landPs = this.#momentPs(flight, offset);
    for (let i = 0; ; i++) {
      const read = this.#reads.open(i, flight.actPs);
      if (read === undefined) return;
      if (!overlaps(read, offset, 8) || this.#momentPs(read, offset) < landPs) continue;
      setSample(read, offset, this.#visible.low(offset), this.#visible.high(offset));
    }
  }

  /** Power is lost: what has landed has, the rest has not. */
  cut(nowPs: number): void {
    while (this.#writes.count > 0) {
      const write = this.#writes.at(0);
      if (write.open) this.settle(write.offset, write.lengthBytes, nowPs);
      write.open = false;
      this.#writes.shift();
    }
    this.#reads.clear();
  }

  /** Lands every open WRITE for which `chosen` holds. */
  closeWhere(chosen: (flight: Flight) => boolean): void {
    for (let i = 0; i < this.#writes.count; i++) {
      const write = this.#writes.at(i);
      if (write.open && chosen(write)) this.#apply(write);
    }
  }

  /** Shows a READ the words of a WRITE that land before it samples them. */
  #reveal(write: Flight, read: Flight): void {
    const from = Math.max(write.offset, read.offset);
    const to = Math.min(write.offset + write.lengthBytes, read.offset + read.lengthBytes);
    for (let at = from; at < to; at += 8) {
      const landPs = this.#momentPs(write, at);
      const samplePs = this.#momentPs(read, at);
      if (landPs > samplePs || isDead(write, at)) continue;
      if (this.#overtaken(write, at, landPs, samplePs)) continue;
      setSample(read, at, sourceLow(write, at), sourceHigh(write, at));
    }
  }

  /** Whether another open WRITE lands on this word after `write` does and by `limitPs`. */
  #overtaken(write: Flight, at: number, landPs: number, limitPs: number): boolean {
    const writes = this.#writes;
    if (writes.count === 1) return false;
    let passed = false;
    for (let i = 0; i < writes.count; i++) {
      const other = writes.at(i);
      if (other === write) {
        passed = true;
        continue;
      }
      if (!other.open || !overlaps(other, at, 8) || isDead(other, at)) continue;
      const otherPs = this.#momentPs(other, at);
      if (otherPs > limitPs) continue;
      if (otherPs > landPs || (otherPs === landPs && passed)) return true;
    }
    return false;
  }

  #apply(write: Flight): void {
    write.open = false;
    if (write.dead === undefined && !this.#crossed(write)) {
      if (write.buffer !== undefined) this.#visible.write(write.offset, write.buffer);
      else
        this.#visible.setWord(
          write.offset,
          sourceLow(write, write.offset),
          sourceHigh(write, write.offset),
        );
      return;
    }
    const end = write.offset + write.lengthBytes;
    for (let at = write.offset; at < end; at += 8) {
      if (isDead(write, at)) continue;
      this.#visible.setWord(at, sourceLow(write, at), sourceHigh(write, at));
      this.#outdate(write, at);
    }
  }

  /** Whether an open WRITE of the same range is still to come. */
  #crossed(write: Flight): boolean {
    const writes = this.#writes;
    for (let i = 0; i < writes.count; i++) {
      const other = writes.at(i);
      if (other.open && other !== write && overlaps(other, write.offset, write.lengthBytes)) {
        return true;
      }
    }
    return false;
  }

  /** Words of other open WRITEs that landed before this one's must not come back over it. */
  #outdate(write: Flight, at: number): void {
    const landPs = this.#momentPs(write, at);
    const writes = this.#writes;
    for (let i = 0; i < writes.count; i++) {
      const other = writes.at(i);
      if (!other.open || !overlaps(other, at, 8)) continue;
      if (this.#momentPs(other, at) < landPs) kill(other, at);
    }
  }

  /** When the word at `at` of this verb lands, or is sampled: somewhere in its window. */
  #momentPs(flight: Flight, at: number): number {
    const draw = mix32(flight.seed ^ Math.imul(at / 8, 0x9e3779b1));
    const { windowFromPs } = flight;
    return windowFromPs + (draw / 0x100000000) * (flight.windowEndPs - windowFromPs);
  }
}

function overlaps(flight: Flight, offset: number, lengthBytes: number): boolean {
  return flight.offset < offset + lengthBytes && offset < flight.offset + flight.lengthBytes;
}

function isDead(write: Flight, at: number): boolean {
  return write.dead !== undefined && write.dead[(at - write.offset) / 8] === 1;
}

export function kill(write: Flight, at: number): void {
  write.dead ??= new Uint8Array(write.lengthBytes / 8);
  write.unusual = true;
  write.dead[(at - write.offset) / 8] = 1;
}

function sourceLow(write: Flight, at: number): number {
  if (write.buffer === undefined) return lowHalf(write.verb.operand) | 0;
  return loadHalf(write.buffer, at - write.offset) | 0;
}

function sourceHigh(write: Flight, at: number): number {
  if (write.buffer === undefined) return highHalf(write.verb.operand) | 0;
  return loadHalf(write.buffer, at - write.offset + 4) | 0;
}

function setSample(read: Flight, at: number, low: number, high: number): void {
  if (read.buffer === undefined) {
    read.verb.low = low >>> 0;
    read.verb.high = high >>> 0;
    return;
  }
  storeHalf(read.buffer, at - read.offset, low);
  storeHalf(read.buffer, at - read.offset + 4, high);
}
