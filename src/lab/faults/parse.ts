import { didYouMean } from '../../core/nearest.ts';
import { parseValue, type ValueKind } from '../experiment/values.ts';
import { type FaultAction, keepings, landings, type Moment, type PlannedFault } from './plan.ts';

/**
 * One fault is one sentence, the same in an experiment file and behind `--fault`:
 *
 *   fault    = what "at" moment { "," clause }
 *   what     = "crash" node | "lose" node | "move" node "to" node
 *            | "partition" node { "+" node } "from" node { "+" node }
 *            | "slow" node [ "to" node ] "by" time
 *            | "lose completions from" node "to" node
 *            | "flip" count ( "bit" | "bits" ) "of" node
 *   moment   = time | "random" time ".." time
 *            | "verb" count [ "of" node ] | "random verb" count ".." count [ "of" node ]
 *   clause   = "landing" ( "all" | "none" | "random" )      crash of a compute node or server
 *            | "keeping" ( "old" | "new" | "random" )       crash: what was not flushed
 *            | "restart after" time                         crash
 *            | "standby after" time                         crash of a server
 *            | "spare" node                                 lose
 *            | "for" time                                   partition, slow, lose completions
 *            | "told after" time | "untold"                 when survivors learn of it
 */
export type ParsedFault = { readonly value: PlannedFault } | { readonly expected: string };

/** How long it takes until whoever watches the cluster knows, where a sentence says nothing. */
export const toldAfterNsDefault = 1_000_000;

export function parseFault(written: string): ParsedFault {
  const text = written.replaceAll(/\s+/g, ' ').trim();
  try {
    return { value: faultOf(text) };
  } catch (error) {
    if (error instanceof Unexpected) return { expected: error.message };
    throw error;
  }
}

/** What was expected instead; never leaves this file. */
class Unexpected extends Error {}

function faultOf(text: string): PlannedFault {
  const [head = '', ...clauses] = text.split(',').map((part) => part.trim());
  const at = head.lastIndexOf(' at ');
  const word = head.split(' ')[0] ?? '';
  if (!phrases.some((phrase) => phrase.word === word)) {
    const words = [...new Set(phrases.map((phrase) => phrase.word))];
    throw new Unexpected(`a fault that begins with ${words.join(', ')}${didYouMean(word, words)}`);
  }
  if (at < 0) throw new Unexpected(`${word} … at a moment, such as at 3ms or at verb 5000`);
  const said = clausesOf(clauses);
  const action = actionOf(head.slice(0, at), said);
  const moment = momentOf(head.slice(at + ' at '.length));
  refuseIdleClauses(action, said);
  return { text, action, moment, toldAfterNs: toldAfter(action, said) };
}

interface Phrase {
  readonly word: string;
  readonly pattern: RegExp;
  readonly example: string;
  make(found: readonly string[], said: Clauses): FaultAction;
}

const phrases: readonly Phrase[] = [
  {
    word: 'crash',
    pattern: /^crash (\S+)$/,
    example: 'crash cn1 at verb 5000',
    make: ([node = ''], said) => ({
      kind: 'crash',
      node,
      landing: oneOf(landings, said.get('landing') ?? 'random', 'landing'),
      keeping: oneOf(keepings, said.get('keeping') ?? 'random', 'keeping'),
      restartAfterNs: optionalTime(said, 'restart after'),
      standbyAfterNs: optionalTime(said, 'standby after'),
    }),
  },
  {
    word: 'lose',
    pattern: /^lose completions from (\S+) to (\S+)$/,
    example: 'lose completions from mn0 to cn1 at 3ms, for 1ms',
    make: ([from = '', to = ''], said) => {
      return { kind: 'loseCompletions', from, to, forNs: optionalTime(said, 'for') };
    },
  },
  {
    word: 'lose',
    pattern: /^lose (\S+)$/,
    example: 'lose mn1 at 3ms',
    make: ([node = ''], said) => ({ kind: 'lose', node, spare: said.get('spare') }),
  },
  {
    word: 'move',
    pattern: /^move (\S+) to (\S+)$/,
    example: 'move mn1 to mn4 at 3ms',
    make: ([node = '', to = '']) => ({ kind: 'move', node, to }),
  },
  {
    word: 'partition',
    pattern: /^partition (\S+) from (\S+)$/,
    example: 'partition cn0+cn1 from mn0 at 3ms, for 2ms',
    make: ([left = '', right = ''], said) => ({
      kind: 'partition',
      left: left.split('+'),
      right: right.split('+'),
      forNs: optionalTime(said, 'for'),
    }),
  },
  {
    word: 'slow',
    pattern: /^slow (\S+) by (\S+)$/,
    example: 'slow cn1 by 20us at 3ms, for 5ms',
    make: ([node = '', by = ''], said) => {
      return { kind: 'slow', node, byNs: timeOf(by), forNs: optionalTime(said, 'for') };
    },
  },
  {
    word: 'slow',
    pattern: /^slow (\S+) to (\S+) by (\S+)$/,
    example: 'slow cn1 to mn0 by 20us at 3ms, for 5ms',
    make: ([from = '', to = '', by = ''], said) => {
      return { kind: 'slowLink', from, to, byNs: timeOf(by), forNs: optionalTime(said, 'for') };
    },
  },
  {
    word: 'flip',
    pattern: /^flip (\S+) bits? of (\S+)$/,
    example: 'flip 3 bits of mn0 at 3ms',
    make: ([bits = '', node = '']) => ({ kind: 'flip', node, bits: countOf(bits, 1_000_000) }),
  },
];

function actionOf(head: string, said: Clauses): FaultAction {
  for (const { pattern, make } of phrases) {
    const found = pattern.exec(head);
    if (found !== null) return make(found.slice(1), said);
  }
  const word = head.split(' ')[0];
  const examples = phrases.filter((phrase) => phrase.word === word).map(({ example }) => example);
  throw new Unexpected(`a sentence such as ${examples.join(', or ')}`);
}

function momentOf(text: string): Moment {
  const verb = /^(random )?verb (\S+?)(?:\.\.(\S+?))?(?: of (\S+))?$/.exec(text);
  if (verb !== null) {
    const [, random, first = '', last, of] = verb;
    refuseRange(random !== undefined, last !== undefined);
    const [from, to] = [countOf(first, 1e12), countOf(last ?? first, 1e12)];
    if (from > to)
      throw new Unexpected(`a range that begins before it ends, not ${first}..${last}`);
    return { kind: 'verb', from, to, of };
  }
  const time = /^(random )?(\S+?)(?:\.\.(\S+))?$/.exec(text);
  if (time === null) {
    throw new Unexpected('at a moment: 3ms, random 1ms..5ms, verb 5000, or random verb 1..5000');
  }
  const [, random, first = '', last] = time;
  refuseRange(random !== undefined, last !== undefined);
  const [fromNs, toNs] = [timeOf(first), timeOf(last ?? first)];
  if (fromNs > toNs)
    throw new Unexpected(`a range that begins before it ends, not ${first}..${last}`);
  return { kind: 'time', fromNs, toNs };
}

function refuseRange(isRandom: boolean, isRange: boolean): void {
  if (isRandom === isRange) return;
  throw new Unexpected(
    isRandom
      ? 'random with a range, such as random 1ms..5ms or random verb 1..5000'
      : 'a range behind random only, such as random 1ms..5ms',
  );
}

// Clauses -------------------------------------------------------------------------------------

const clauseNames = [
  'landing',
  'keeping',
  'restart after',
  'standby after',
  'spare',
  'for',
  'told after',
  'untold',
] as const;
type ClauseName = (typeof clauseNames)[number];
type Clauses = ReadonlyMap<ClauseName, string>;

/** Which faults a clause says something about. */
const meantFor: Readonly<Record<ClauseName, readonly FaultAction['kind'][]>> = {
  landing: ['crash'],
  keeping: ['crash'],
  'restart after': ['crash'],
  'standby after': ['crash'],
  spare: ['lose'],
  for: ['partition', 'slow', 'slowLink', 'loseCompletions'],
  'told after': ['crash', 'lose', 'move', 'slow'],
  untold: ['crash', 'lose'],
};

function clausesOf(parts: readonly string[]): Clauses {
  const said = new Map<ClauseName, string>();
  for (const part of parts) {
    const name = clauseNames.find((known) => part === known || part.startsWith(`${known} `));
    if (name === undefined) {
      const words = part.split(' ');
      throw new Unexpected(
        `a clause of ${clauseNames.join(', ')}, not ${JSON.stringify(part)}` +
          (didYouMean(words[0] ?? '', clauseNames) ||
            didYouMean(words.slice(0, 2).join(' '), clauseNames)),
      );
    }
    const value = part.slice(name.length).trim();
    if ((name === 'untold') !== (value === '')) {
      throw new Unexpected(name === 'untold' ? 'untold without a value' : `a value behind ${name}`);
    }
    if (said.has(name)) throw new Unexpected(`${name} once`);
    said.set(name, value);
  }
  return said;
}

function refuseIdleClauses(action: FaultAction, said: Clauses): void {
  for (const name of said.keys()) {
    if (meantFor[name].includes(action.kind)) continue;
    throw new Unexpected(`no clause ${name} here: it belongs to ${meantFor[name].join(', ')}`);
  }
  if (said.has('untold') && said.has('told after')) {
    throw new Unexpected('told after or untold, not both');
  }
  if (said.has('restart after') && said.has('standby after')) {
    throw new Unexpected('restart after or standby after, not both');
  }
}

/** A node that is only slow is not lost, unless the sentence says that somebody believes so. */
function toldAfter(action: FaultAction, said: Clauses): number | undefined {
  if (said.has('untold')) return undefined;
  const written = optionalTime(said, 'told after');
  if (written !== undefined) return written;
  const isLoss = action.kind === 'crash' || action.kind === 'lose' || action.kind === 'move';
  return isLoss ? toldAfterNsDefault : undefined;
}

// Values --------------------------------------------------------------------------------------

function optionalTime(said: Clauses, name: ClauseName): number | undefined {
  const text = said.get(name);
  return text === undefined ? undefined : timeOf(text);
}

function timeOf(text: string): number {
  return parsedAs({ type: 'duration' }, text) as number;
}

function countOf(text: string, maximum: number): number {
  return parsedAs({ type: 'count', minimum: 1, maximum }, text) as number;
}

function parsedAs(kind: ValueKind, text: string): unknown {
  const parsed = parseValue(kind, text);
  if ('value' in parsed) return parsed.value;
  throw new Unexpected(`${parsed.expected}, not ${text === '' ? 'nothing' : text}`);
}

function oneOf<T extends string>(choices: readonly T[], text: string, name: string): T {
  const choice = choices.find((known) => known === text);
  if (choice !== undefined) return choice;
  throw new Unexpected(`${name} ${choices.join(' or ')}${didYouMean(text, choices)}`);
}
