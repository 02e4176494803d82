import {
  Batch,
  type Effect,
  effectKind,
  type Program,
  spawn,
  type Verb,
  verbOp,
  verbStatus,
} from '../../../src/core/effect.ts';
import { highHalf, lowHalf } from '../../../src/core/word.ts';
import { direct } from '../../../src/systems/direct/index.ts';
import type { DirectNode } from '../../../src/systems/direct/node.ts';
import type { Site, StoreClient, System, SystemNode } from '../../../src/systems/system.ts';

/** What a verb is aimed at, by `locate`'s own words. */
export type Target = 'bucket lock' | 'entry' | 'slot lock' | 'committed' | 'redo' | 'other';

export interface Seen {
  readonly verb: Verb<unknown>;
  readonly target: Target;
  readonly copy: number;
}

/**
 * How one twin is wrong. It sees the verbs that a program posts together, and gives those that are
 * posted in their place; one that it leaves out looks done to the program. `before` and `after` may do
 * more at that step.
 */
export interface Tampering {
  readonly verbs?: (seen: readonly Seen[]) => readonly Seen[];
  readonly before?: (seen: readonly Seen[]) => Program;
  readonly after?: (seen: readonly Seen[]) => Program;
  /** Whether fencing is left out. */
  readonly unfenced?: boolean;
}

/** Which programs of a node are tampered with. */
export interface Tamperings {
  readonly clients?: (site: Site) => Tampering;
  readonly recovery?: (site: Site) => Tampering;
  /** More that is exchanged on a node, once it is made. */
  readonly node?: (node: DirectNode) => void;
}

/** Marks a verb as done that never was, with the word that it is to have read. */
export function pretend(verb: Verb<unknown>, word = 0n): void {
  verb.status = verbStatus.ok;
  verb.low = lowHalf(word);
  verb.high = highHalf(word);
}

/**
 * Direct, some of whose verbs are other than it meant. The protocol's own source runs, so that what is
 * wrong with a twin is what its tampering says and nothing else.
 */
export function tampered({ clients, recovery, node: change }: Tamperings): System {
  return {
    ...direct,
    openNode: (site, config) => {
      const node = direct.openNode(site, config as never) as DirectNode;
      const located = targetsOf(site);
      change?.(node);
      if (clients !== undefined) {
        const open = node.openClient.bind(node);
        node.openClient = () => tamperedClient(open(), clients(site), located);
      }
      if (recovery !== undefined) {
        const recover = node.recover.bind(node);
        node.recover = (fault) => tamper(recover(fault), recovery(site), located);
      }
      return node as SystemNode;
    },
  } as System;
}

type Located = (verb: Verb<unknown>) => Seen;

function targetsOf(site: Site): Located {
  const config = direct.configure({}, site.shape);
  return (verb) => {
    const name = direct.locate?.(site, config, verb.address) ?? '';
    const copy = Number(/^copy (\d)/.exec(name)?.[1] ?? 0);
    return { verb, copy, target: targetNamed(name) };
  };
}

function targetNamed(name: string): Target {
  if (name.startsWith('index')) return name.endsWith('lock word') ? 'bucket lock' : 'entry';
  if (name.endsWith('lock word')) return 'slot lock';
  if (name.endsWith('committed record')) return 'committed';
  return name.endsWith('redo record') ? 'redo' : 'other';
}

function tamperedClient(client: StoreClient, how: Tampering, located: Located): StoreClient {
  return {
    insert: (key, value) => tamper(client.insert(key, value), how, located),
    get: (key, into) => tamper(client.get(key, into), how, located),
    put: (key, value) => tamper(client.put(key, value), how, located),
    delete: (key) => tamper(client.delete(key), how, located),
  };
}

function* tamper<T>(program: Program<T>, how: Tampering, located: Located): Program<T> {
  for (;;) {
    const step = program.next();
    if (step.done === true) return step.value;
    const effect: Effect = step.value;
    switch (effect.kind) {
      case effectKind.verb:
        yield* perform([effect], how, located);
        break;
      case effectKind.batch:
        yield* perform(effect.verbs, how, located);
        break;
      case effectKind.spawn:
        yield* spawn(tamper(effect.program, how, located), effect.label);
        break;
      case effectKind.fence:
        if (how.unfenced !== true) yield effect;
        break;
      default:
        yield effect;
    }
  }
}

function* perform(verbs: readonly Verb<unknown>[], how: Tampering, located: Located): Program {
  const seen = verbs.map(located);
  if (how.before !== undefined) yield* how.before(seen);
  const left = (how.verbs?.(seen) ?? seen).map(({ verb }) => verb);
  const posted = left.filter(({ status }) => status === verbStatus.idle);
  for (const verb of verbs)
    if (!left.includes(verb) && verb.status === verbStatus.idle) pretend(verb);
  if (posted.length > 0) yield* new Batch(posted, false);
  if (how.after !== undefined) yield* how.after(seen);
}

export function isOp(seen: Seen, op: keyof typeof verbOp, target: Target): boolean {
  return seen.verb.op === verbOp[op] && seen.target === target;
}
