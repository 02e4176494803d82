import type { MessageTrace, VerbTrace } from '../../../sim/index.ts';
import type { ClusterMap } from '../../memory/cluster.ts';

/**
 * Which WRITEs and which answer are one call. A message does not say which request it answers; but an
 * operation that calls again has waited for the first answer, so its requests differ in depth, and an
 * answer belongs to the request that was posted last before it. Requests of one depth went out together
 * and are waited for together: one round trip.
 */
export class Calls {
  readonly #cluster: ClusterMap;
  /** Requests in the order of their posting, by operation and caller. */
  readonly #requests = new Map<string, { readonly postNs: number; readonly depth: number }[]>();

  constructor(cluster: ClusterMap, verbs: readonly VerbTrace[]) {
    this.#cluster = cluster;
    for (const verb of verbs) {
      if (!this.#isRequest(verb)) continue;
      const caller = callerOf(verb);
      const { postNs, depth } = verb;
      this.#requests.set(caller, [...(this.#requests.get(caller) ?? []), { postNs, depth }]);
    }
    for (const posted of this.#requests.values()) posted.sort((a, b) => a.postNs - b.postNs);
  }

  /** The round trip that a WRITE of a request belongs to; undefined where it is none. */
  ofRequest(verb: VerbTrace): string | undefined {
    return this.#isRequest(verb) ? groupOf(verb, verb.depth) : undefined;
  }

  /** The round trip that an answer ends. */
  ofAnswer(answer: MessageTrace): string | undefined {
    const posted = this.#requests.get(callerOf(answer)) ?? [];
    // Before it, not with it: where CPUs cost nothing, the next request is posted as an answer is taken.
    const request = posted.findLast(({ postNs }) => postNs < answer.receiveNs);
    return request === undefined ? undefined : groupOf(answer, request.depth);
  }

  #isRequest({ node, target, background, operation }: VerbTrace): boolean {
    const server = this.#cluster.node(target).role;
    return (
      (server === 'coordinator' || server === 'metadata') &&
      this.#cluster.node(node).role === 'compute' &&
      !background &&
      operation !== 0
    );
  }
}

interface OfOperation {
  readonly operation: number;
  readonly node: number;
}

function callerOf({ operation, node }: OfOperation): string {
  return `${operation} ${node}`;
}

function groupOf(event: OfOperation, depth: number): string {
  return `call ${callerOf(event)} ${depth}`;
}
