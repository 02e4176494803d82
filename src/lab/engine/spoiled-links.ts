import { nodeOf } from '../../core/address.ts';
import {
  type Batch,
  type Effect,
  effectKind,
  type Post,
  type Program,
  post,
  settle,
  sleep,
  type Verb,
  verbStatus,
} from '../../core/effect.ts';

/** What is wrong with the ways from this node to others, where verbs cannot get lost by themselves. */
export interface Links {
  isCut(to: number): boolean;
  losesCompletions(to: number): boolean;
  delayNs(to: number): number;
}

/** A verb that cannot get through is tried again for so long, then given up. */
const timeoutNs = 1_000_000;
const retryNs = 50_000;

type Verbs = Verb<unknown> | Batch | Post;

/**
 * Performs verbs over spoiled links, on a fabric on which a verb is a copy in memory and always ends ok.
 * What cannot get through ends `unknown` without having acted; what acted, and was not heard of, ends
 * `unknown` all the same. Gives false, having done nothing, where no link that it needs is spoiled.
 */
export function* acrossSpoiled(effect: Effect, links: Links): Program<boolean> {
  if (!isOfVerbs(effect)) return false;
  const verbs = effect.kind === effectKind.verb ? [effect] : effect.verbs;
  const isSpoiled = verbs.some(({ address }) => {
    const to = nodeOf(address);
    return links.isCut(to) || links.losesCompletions(to) || links.delayNs(to) > 0;
  });
  if (!isSpoiled) return false;
  const delayNs = Math.max(...verbs.map(({ address }) => links.delayNs(nodeOf(address))));
  if (delayNs > 0) yield* sleep(delayNs);
  const awaits = effect.kind !== effectKind.post;
  yield* perform(
    verbs.filter(({ address }) => !links.isCut(nodeOf(address))),
    awaits,
  );
  let cut = verbs.filter(({ status }) => status === verbStatus.idle);
  for (let waitedNs = 0; awaits && cut.length > 0 && waitedNs < timeoutNs; waitedNs += retryNs) {
    yield* sleep(retryNs);
    yield* perform(
      cut.filter(({ address }) => !links.isCut(nodeOf(address))),
      awaits,
    );
    cut = cut.filter(({ status }) => status === verbStatus.idle);
  }
  for (const verb of cut) lose(verb, 'no answer after all retransmissions');
  for (const verb of verbs) {
    const isLost = verb.status === verbStatus.ok && links.losesCompletions(nodeOf(verb.address));
    if (isLost) lose(verb, 'its completion was lost');
  }
  return true;
}

function isOfVerbs(effect: Effect): effect is Verbs {
  const { kind } = effect;
  return kind === effectKind.verb || kind === effectKind.batch || kind === effectKind.post;
}

function* perform(verbs: readonly Verb<unknown>[], awaits: boolean): Program {
  if (verbs.length === 0) return;
  if (awaits) yield* settle(...verbs);
  else yield* post(...verbs);
}

function lose(verb: Verb<unknown>, reason: string): void {
  verb.status = verbStatus.unknown;
  verb.reason = reason;
}
