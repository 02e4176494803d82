/** Operations that ended, by when: `counts[i]` of them from `(first + i) * widthNs` on, for `widthNs`. */
export interface Timeline {
  readonly widthNs: number;
  readonly first: number;
  readonly counts: readonly number[];
}

const widthNsLeast = 1000;
/** A run of any length has between half as many intervals and these. */
const intervalsMax = 256;

/**
 * Counts operations by when they ended, in as many intervals as a picture can show, however long it goes
 * on: when there are too many, two become one. Widths are powers of two of a microsecond and intervals
 * begin at multiples of theirs, so that timelines of several processes can be added.
 */
export class TimelineBook {
  #widthNs = widthNsLeast;
  #first = 0;
  #counts: number[] = [];

  /** Times may come in any order, as those of several nodes do. */
  ended(nowNs: number): void {
    let at = Math.floor(nowNs / this.#widthNs);
    if (this.#counts.length === 0) this.#first = at;
    while (Math.max(at, this.#last) - Math.min(at, this.#first) >= intervalsMax) {
      this.#widen();
      at = Math.floor(nowNs / this.#widthNs);
    }
    while (at < this.#first) {
      this.#counts.unshift(0);
      this.#first--;
    }
    while (at > this.#last) this.#counts.push(0);
    this.#counts[at - this.#first]!++;
  }

  timeline(): Timeline {
    return { widthNs: this.#widthNs, first: this.#first, counts: [...this.#counts] };
  }

  get #last(): number {
    return this.#first + this.#counts.length - 1;
  }

  #widen(): void {
    const { first, counts } = wider(this.timeline());
    this.#widthNs *= 2;
    this.#first = first;
    this.#counts = [...counts];
  }
}

/** All of them as one, of the widest intervals among them. */
export function addTimelines(timelines: readonly Timeline[]): Timeline {
  const found = timelines.filter(({ counts }) => counts.length > 0);
  const widthNs = Math.max(widthNsLeast, ...found.map((timeline) => timeline.widthNs));
  const equal = found.map((timeline) => {
    let widened = timeline;
    while (widened.widthNs < widthNs) widened = wider(widened);
    return widened;
  });
  if (equal.length === 0) return { widthNs, first: 0, counts: [] };
  const first = Math.min(...equal.map((timeline) => timeline.first));
  const last = Math.max(...equal.map((timeline) => timeline.first + timeline.counts.length));
  const counts = Array.from({ length: last - first }, (_, i) =>
    equal.reduce((sum, each) => sum + (each.counts[first + i - each.first] ?? 0), 0),
  );
  return { widthNs, first, counts };
}

function wider({ widthNs, first, counts }: Timeline): Timeline {
  const half = Math.floor(first / 2);
  const joined: number[] = [];
  for (const [i, count] of counts.entries()) {
    const at = Math.floor((first + i) / 2) - half;
    joined[at] = (joined[at] ?? 0) + count;
  }
  return { widthNs: widthNs * 2, first: half, counts: joined };
}
