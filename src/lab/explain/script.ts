import type { LocalTrace, MessageTrace, VerbTrace } from '../../../sim/index.ts';
import { formatAddress } from '../../core/address.ts';
import { verbNames, verbOp, verbStatus } from '../../core/effect.ts';
import { loadWord } from '../../core/word.ts';
import { type ClusterMap, mailboxRegionName } from '../../memory/cluster.ts';
import { counted } from '../output/format.ts';
import { Calls } from './calls.ts';
import type { Bracket, Step } from './diagram.ts';
import type { Performance } from './stage.ts';

/** Steps in time order and the round trips around them. */
export interface Script {
  readonly steps: readonly Step[];
  readonly brackets: readonly Bracket[];
}

/** A step before it has a place in the order; `group` is the round trip that it belongs to. */
interface Draft {
  readonly step: Step;
  readonly group: string | undefined;
  /** Of steps at one time: what ends, then what a CPU does, then what is posted because of it. */
  readonly rank: number;
}

export function writeScript(performance: Performance): Script {
  const { recording, cluster } = performance;
  const calls = new Calls(cluster, recording.verbs);
  const drafts = [
    ...recording.verbs.map((verb) => verbDraft(performance, verb, calls)),
    ...recording.locals.map((access) => localDraft(performance, access)),
    ...completions(recording.verbs),
    ...recording.messages.map((message) => messageDraft(message, calls)),
  ];
  drafts.sort((a, b) => a.step.timeNs - b.step.timeNs || a.rank - b.rank);
  const beginNs = drafts[0]?.step.timeNs ?? 0;
  const steps = drafts.map(({ step }) => ({ ...step, timeNs: step.timeNs - beginNs }));
  return { steps, brackets: bracketsOf(drafts) };
}

/** Verbs awaited together: the same program, the same operation, the same depth. */
function roundTripOf(verb: VerbTrace): string | undefined {
  if (verb.background || !verb.awaited || verb.operation === 0) return undefined;
  return `${verb.operation} ${verb.node} ${verb.depth} ${verb.label}`;
}

function verbDraft(performance: Performance, verb: VerbTrace, calls: Calls): Draft {
  const extent = verb.op === verbOp.cas || verb.op === verbOp.faa ? '' : ` ${verb.lengthBytes} B`;
  return {
    step: {
      timeNs: verb.postNs,
      from: verb.node,
      to: verb.target,
      label: `${verbNames[verb.op]}${extent}`,
      details: verbDetails(performance, verb),
      background: verb.background,
    },
    group: roundTripOf(verb) ?? calls.ofRequest(verb),
    rank: 2,
  };
}

function verbDetails({ cluster, describe, recording }: Performance, verb: VerbTrace): string[] {
  const place = describe(verb.address) ?? regionName(cluster, verb.address);
  const lines = [`${formatAddress(verb.address)} ${place}, acts at ${after(verb, verb.actNs)}`];
  const heldUntilNs = fenceEndNs(recording.verbs, verb);
  if (heldUntilNs !== undefined) {
    lines.push(
      `fenced: held at the NIC until ${after(verb, heldUntilNs)}, no round trip of its own`,
    );
  }
  if (verb.status !== verbStatus.ok) {
    lines.push(verb.status === verbStatus.failed ? 'failed' : 'unknown');
  }
  lines.push(...changes(verb));
  return lines;
}

function after({ postNs }: VerbTrace, timeNs: number): string {
  return `+${((timeNs - postNs) / 1000).toFixed(2)} us`;
}

/**
 * Until when a fenced verb was held back: the last completion of a READ, atomic or FLUSH before it on
 * its queue pair. That takes the time of a round trip and is none, since the program posted the verbs
 * together and waits for all of them once. Undefined where there was nothing to wait for.
 */
export function fenceEndNs(verbs: readonly VerbTrace[], verb: VerbTrace): number | undefined {
  if (!verb.fenced) return undefined;
  const waitedFor = verbs.filter(
    ({ op, root, target, postNs, completeNs }) =>
      op !== verbOp.write &&
      op !== verbOp.atomicWrite &&
      root === verb.root &&
      target === verb.target &&
      postNs <= verb.postNs &&
      completeNs > verb.postNs &&
      completeNs <= verb.actNs,
  );
  if (waitedFor.length === 0) return undefined;
  return Math.max(...waitedFor.map(({ completeNs }) => completeNs));
}

function regionName(cluster: ClusterMap, address: number): string {
  for (const node of cluster.nodes) {
    for (const region of node.regions) {
      if (address < region.address || address >= region.address + region.sizeBytes) continue;
      if (region.name === mailboxRegionName) return `mailbox of ${node.name}`;
      return `${region.name} of ${node.name}`;
    }
  }
  return '';
}

const wordsShownMax = 3;

/** Words that a verb changed, old and new; of what it read, the first word. */
function changes(verb: VerbTrace): string[] {
  const { before, after } = verb;
  if (after === undefined || verb.op === verbOp.flush) return [];
  if (verb.op === verbOp.read) return [`reads ${hex(after, 0)}${after.length > 8 ? ' …' : ''}`];
  if (before === undefined) return [];
  const changed: number[] = [];
  for (let at = 0; at + 8 <= after.length; at += 8) {
    if (loadWord(before, at) !== loadWord(after, at)) changed.push(at);
  }
  if (verb.op === verbOp.cas && changed.length === 0) {
    return [`finds ${hex(before, 0)}: not swapped`];
  }
  const shown = changed.slice(0, wordsShownMax).map((at) => {
    const where = after.length > 8 ? `+${at}: ` : '';
    return `${where}${hex(before, at)} → ${hex(after, at)}`;
  });
  const rest = changed.length - shown.length;
  return rest > 0 ? [...shown, `and ${counted(rest, 'more word')}`] : shown;
}

function hex(bytes: Uint8Array, at: number): string {
  return `0x${loadWord(bytes, at).toString(16).padStart(16, '0')}`;
}

/** One mark for each round trip of verbs, when the last of them has completed. */
function completions(verbs: readonly VerbTrace[]): Draft[] {
  const groups = new Map<string, VerbTrace[]>();
  for (const verb of verbs) {
    const group = roundTripOf(verb);
    if (group !== undefined) groups.set(group, [...(groups.get(group) ?? []), verb]);
  }
  return [...groups].map(([group, members]) => {
    const [first] = members as [VerbTrace];
    const timeNs = Math.max(...members.map((verb) => verb.completeNs));
    const label = members.length === 1 ? 'done' : `all ${members.length} done`;
    const step = {
      timeNs,
      from: first.node,
      to: first.node,
      label,
      details: [],
      background: false,
    };
    return { step, group, rank: 0 };
  });
}

function messageDraft(message: MessageTrace, calls: Calls): Draft {
  const what = message.reply ? 'answer' : 'request';
  const background = message.background || message.operation === 0;
  return {
    step: {
      timeNs: message.receiveNs,
      from: message.node,
      to: message.node,
      label: `takes ${what}, ${message.bodyBytes} B`,
      details: [],
      background,
    },
    group: message.reply && !background ? calls.ofAnswer(message) : undefined,
    rank: 0,
  };
}

function localDraft(performance: Performance, access: LocalTrace): Draft {
  const place =
    performance.describe(access.address) ?? regionName(performance.cluster, access.address);
  return {
    step: {
      timeNs: access.startNs,
      from: access.node,
      to: access.node,
      label: `local ${access.access}`,
      details: [`${formatAddress(access.address)} ${place}, ${access.lengthBytes} B`],
      background: access.background,
    },
    group: undefined,
    rank: 1,
  };
}

/** Numbered by when they end: that is the order in which the operation's chain grows. */
function bracketsOf(drafts: readonly Draft[]): Bracket[] {
  const spans = new Map<string, { first: number; last: number }>();
  for (const [i, { group }] of drafts.entries()) {
    if (group === undefined) continue;
    const span = spans.get(group);
    if (span === undefined) spans.set(group, { first: i, last: i });
    else span.last = i;
  }
  const numbers = new Map<string, number>();
  return [...spans]
    .sort(([, a], [, b]) => a.last - b.last)
    .map(([group, span]) => {
      const operation = group.replace(/^call /, '').split(' ')[0] as string;
      const number = (numbers.get(operation) ?? 0) + 1;
      numbers.set(operation, number);
      return { ...span, number };
    });
}
