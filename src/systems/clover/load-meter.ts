import { type Program, sleep } from '../../core/effect.ts';
import { u53 } from '../../core/layout.ts';
import type { RpcCaller } from '../../core/rpc.ts';
import type { CloverLayout } from './layout.ts';
import { newRequest, operations, requestHead } from './messages.ts';
import type { Reference } from './pointer.ts';
import { ignoreLoss, type Servers } from './recovery/servers.ts';

const counter = u53.at(0);

/**
 * Load balancing, level 2: the bytes that this compute node moved to and from each memory node in the
 * current window. New versions go where it is least, reads to the least loaded copy; at the end of each
 * window the servers are told.
 */
export class LoadMeter {
  readonly #bytes: number[];

  constructor(buckets: number) {
    this.#bytes = new Array<number>(buckets).fill(0);
  }

  add(bucket: number, bytes: number): void {
    this.#bytes[bucket] = (this.#bytes[bucket] as number) + bytes;
  }

  bytes(bucket: number): number {
    return this.#bytes[bucket] as number;
  }

  /** Memory nodes, those with the least bytes first. */
  lightestFirst(): readonly number[] {
    return this.#bytes.map((_, d) => d).sort((a, b) => this.bytes(a) - this.bytes(b) || a - b);
  }

  /** Which copy lies on the memory node with the least bytes. */
  lighterCopy(refs: readonly Reference[], layout: CloverLayout): number {
    let best = 0;
    for (let r = 1; r < refs.length; r++) {
      const bytes = this.bytes(layout.bucketOf(refs[r] as Reference));
      if (bytes < this.bytes(layout.bucketOf(refs[best] as Reference))) best = r;
    }
    return best;
  }

  /** Background program: reports each window to every server, and starts the next. */
  *report(caller: RpcCaller, servers: Servers, windowNs: number): Program<never> {
    for (;;) {
      yield* sleep(windowNs);
      const request = newRequest(operations.report, 8 * this.#bytes.length);
      requestHead.field.count.set(request, 0, this.#bytes.length);
      for (const [d, bytes] of this.#bytes.entries()) {
        counter.set(request, requestHead.sizeBytes + 8 * d, bytes);
      }
      this.#bytes.fill(0);
      for (let server = 0; server < servers.count; server++) {
        yield* ignoreLoss(servers.call(server, request, caller));
        caller.release();
      }
    }
  }
}
