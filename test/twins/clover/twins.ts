import {
  cas,
  effectKind,
  type Program,
  type Verb,
  verbOp,
  write,
  writeWord,
} from '../../../src/core/effect.ts';
import { highHalf, lowHalf } from '../../../src/core/word.ts';
import type { CloverConfig } from '../../../src/systems/clover/config.ts';
import { system } from '../../../src/systems/clover/index.ts';
import { Allocator } from '../../../src/systems/clover/metadata/allocator.ts';
import type { MetadataServer } from '../../../src/systems/clover/metadata/server.ts';
import type { CloverNode } from '../../../src/systems/clover/node.ts';
import { handleIn, isHeld } from '../../../src/systems/clover/pointer.ts';
import type { System } from '../../../src/systems/system.ts';
import {
  batchOf,
  instead,
  pretend,
  type Rewrite,
  rewritten,
  rewrittenClient,
  unawaited,
} from './rewrite.ts';

/** A wrong Clover, usable wherever the real one is, and what is wrong with it. */
export interface Twin {
  readonly name: string;
  readonly summary: string;
  readonly breaks: 'read committed' | 'atomic write' | 'data reliability' | 'conservation of space';
  /** What it takes for the promise to be seen broken. */
  readonly needs: {
    readonly replicas?: number;
    readonly durability?: 'flush';
    readonly settings?: Readonly<Record<string, unknown>>;
    readonly fault?: 'computeLost' | 'memoryLost' | 'power';
  };
  readonly system: System<CloverConfig>;
}

/** Clients and background of every node with some effects done otherwise. */
function withEffects(name: string, rewrite: Rewrite): System<CloverConfig> {
  return {
    ...system,
    name,
    openNode(site, config) {
      const node = system.openNode(site, config) as CloverNode;
      const openClient = node.openClient.bind(node);
      node.openClient = () => rewrittenClient(openClient(), rewrite);
      Object.assign(node, { background: node.background.map((each) => rewritten(each, rewrite)) });
      return node;
    },
  };
}

/** Servers with something exchanged after they were made. */
function withServer(name: string, change: (server: MetadataServer) => void): System<CloverConfig> {
  return {
    ...system,
    name,
    openServer(site, config, role, index) {
      const server = system.openServer(site, config, role, index) as MetadataServer;
      change(server);
      return server;
    },
  };
}

const isLinkCas = (verb: Verb<unknown>): boolean =>
  verb.op === verbOp.cas && !isHeld(lowHalf(verb.operand));
/** A whole buffer: headers are shorter, and so is everything else that a client WRITEs. */
const isBuffer = (verb: Verb<unknown>): boolean =>
  verb.op === verbOp.write && verb.lengthBytes >= 128;

/** Links with a WRITE, as if nobody else could. */
function* blindLink(effect: Parameters<Rewrite>[0]): Program<boolean> {
  const swap = batchOf(effect)?.verbs.find(isLinkCas);
  if (swap === undefined) return false;
  yield* writeWord(swap.address, swap.operand);
  for (const verb of batchOf(effect)?.verbs ?? []) pretend(verb);
  pretend(swap, lowHalf(swap.compare), highHalf(swap.compare));
  return true;
}

/** Goes on to the link while the version is still being written. */
function* linkBeforeData(effect: Parameters<Rewrite>[0]): Program<boolean> {
  const verbs = batchOf(effect)?.verbs;
  if (verbs === undefined || !verbs.some(isBuffer) || verbs.some(({ op }) => op === verbOp.cas)) {
    return false;
  }
  // A copy: the writer's image serves its next version.
  yield* unawaited(
    verbs.filter(isBuffer).map((verb) => write(verb.address, (verb.buffer as Uint8Array).slice())),
  );
  for (const verb of verbs) pretend(verb);
  return true;
}

/** Acknowledges a put whose CAS has been posted and may never act. */
function* acknowledgeEarly(effect: Parameters<Rewrite>[0]): Program<boolean> {
  const swap = batchOf(effect)?.verbs.find(isLinkCas);
  if (swap === undefined) return false;
  yield* unawaited([cas(swap.address, swap.compare, swap.operand)]);
  for (const verb of batchOf(effect)?.verbs ?? []) pretend(verb);
  pretend(swap, lowHalf(swap.compare), highHalf(swap.compare));
  return true;
}

/** A copy is named as held: word 0 by this CAS, the words behind it by the WRITE before. */
const isNaming = (verb: Verb<unknown>): boolean =>
  verb.op === verbOp.cas &&
  isHeld(lowHalf(verb.operand)) &&
  handleIn(highHalf(verb.operand), lowHalf(verb.operand)) !== 0;

/** One header round in place of two: readers pass before all copies name the successor. */
function oneRound(): Rewrite {
  const unwritten = new Map<number, Verb<unknown>>();
  return function* (effect) {
    const verbs = batchOf(effect)?.verbs ?? [];
    if (verbs.some(isNaming)) {
      for (const verb of verbs) {
        if (verb.op === verbOp.write) unwritten.set(verb.address - 8, verb.copy());
        pretend(verb);
      }
      return true;
    }
    const behind = verbs.flatMap(({ address }) => unwritten.get(address) ?? []);
    if (behind.length === 0) return false;
    for (const { address } of behind) unwritten.delete(address - 8);
    yield* instead([...behind, ...verbs]);
    return true;
  };
}

/** Takes a completed WRITE for a durable one although it is not. */
function* withoutFlush(effect: Parameters<Rewrite>[0]): Program<boolean> {
  const verbs = batchOf(effect)?.verbs;
  if (verbs === undefined || !verbs.some(({ op }) => op === verbOp.flush)) return false;
  yield* instead(verbs.filter(({ op }) => op !== verbOp.flush));
  for (const verb of verbs) if (verb.op === verbOp.flush) pretend(verb);
  return true;
}

/** Of several copies a shortcut is more than one word. */
const isLookAtPrimary = (verb: Verb<unknown>): boolean =>
  verb.op === verbOp.read && verb.buffer === undefined;

/** Follows a link of any copy, as if the word in the primary copy always said the same. */
function* followAnyCopy(effect: Parameters<Rewrite>[0]): Program<boolean> {
  const verbs = batchOf(effect)?.verbs;
  const look = verbs?.find(isLookAtPrimary);
  if (verbs === undefined || look === undefined) return false;
  yield* instead(verbs.filter((verb) => verb !== look));
  pretend(look);
  return true;
}

/** Leaves the dead node's queue pairs alone. */
function* withoutFence(effect: Parameters<Rewrite>[0]): Program<boolean> {
  return effect.kind === effectKind.fence;
}

/** A buffer may be used again the moment it has been retired, and readers rely on it all the same. */
const withoutRest: System<CloverConfig> = {
  ...withServer('clover-without-rest', ({ state }) => {
    state.allocator = new Allocator(state.layout, state.index, 0);
  }),
  openNode(site, config) {
    const node = system.openNode(site, config) as CloverNode;
    return Object.assign(node, { reuseDelayNs: Number.POSITIVE_INFINITY });
  },
};

export const cloverTwins: readonly Twin[] = [
  {
    name: 'blind link',
    summary: 'links a version with a WRITE: of two writers that meet, one is acknowledged and lost',
    breaks: 'atomic write',
    needs: { replicas: 1 },
    system: withEffects('clover-blind-link', blindLink),
  },
  {
    name: 'link before data',
    summary: 'does not wait for the WRITE of a version before linking it',
    breaks: 'read committed',
    needs: { replicas: 1 },
    system: withEffects('clover-link-before-data', linkBeforeData),
  },
  {
    name: 'acknowledge early',
    summary: 'acknowledges a put whose CAS has only been posted',
    breaks: 'data reliability',
    needs: { replicas: 1, fault: 'computeLost' },
    system: withEffects('clover-acknowledge-early', acknowledgeEarly),
  },
  {
    name: 'one header round',
    summary: 'shows a link in one copy before the others name the successor',
    breaks: 'data reliability',
    needs: { replicas: 2, fault: 'memoryLost' },
    system: withEffects('clover-one-round', oneRound()),
  },
  {
    name: 'no flush',
    summary: 'takes completed WRITEs and CASes for durable in flush mode',
    breaks: 'data reliability',
    needs: { durability: 'flush', fault: 'power' },
    system: withEffects('clover-no-flush', withoutFlush),
  },
  {
    name: 'no rest',
    summary: 'uses retired buffers again at once, while a READ may be under way',
    breaks: 'read committed',
    needs: { settings: { retireBatch: 1 } },
    system: withoutRest,
  },
  {
    name: 'no consent',
    summary: 'lets rounds and epochs pass without asking anybody',
    breaks: 'read committed',
    needs: { settings: { reuse: 'epochs', roundNs: 1000, retireBatch: 1 } },
    system: withServer('clover-no-consent', ({ state }) => {
      Object.defineProperty(state.members, 'nodes', { get: () => [] });
    }),
  },
  {
    name: 'no fence',
    summary: 'recovers what a node has left without fencing it, which may only be slow',
    breaks: 'atomic write',
    needs: { fault: 'computeLost' },
    system: {
      ...withServer('clover-no-fence', (server) => {
        const recover = server.recover.bind(server);
        server.recover = (fault) => rewritten(recover(fault), withoutFence);
      }),
      openNode(site, config) {
        const node = system.openNode(site, config) as CloverNode;
        const recover = node.recover.bind(node);
        node.recover = (fault) => rewritten(recover(fault), withoutFence);
        return node;
      },
    },
  },
  {
    name: 'any copy',
    summary:
      'goes by whatever copy it reads: what follows in one may not follow in the primary one yet',
    breaks: 'atomic write',
    needs: { replicas: 2, settings: { loadBalance: 'load' } },
    system: withEffects('clover-any-copy', followAnyCopy),
  },
  {
    name: 'leases forgotten',
    summary: 'recovers a dead node without taking back the buffers that it was leased',
    breaks: 'conservation of space',
    needs: { fault: 'computeLost' },
    system: withServer('clover-leases-forgotten', ({ allocator }) => {
      allocator.reclaim = () => 0;
    }),
  },
  {
    name: 'freed twice',
    summary: 'retires every version twice, so that two keys are given one buffer',
    breaks: 'conservation of space',
    needs: { settings: { retireBatch: 1 } },
    system: withServer('clover-freed-twice', ({ allocator }) => {
      const retire = allocator.retire.bind(allocator);
      allocator.retire = (target, nowNs) => {
        retire(target, nowNs);
        retire(target, nowNs);
      };
    }),
  },
  {
    name: 'rebuild writes again',
    summary: 'makes a copy level by the same WRITE again, where the one that was lost may yet act',
    breaks: 'data reliability',
    needs: { replicas: 2, fault: 'memoryLost' },
    system: withServer('clover-rebuild-writes-again', ({ state: { late } }) => {
      // The doubt is known, and not where it may fall.
      late.noteWritten = (verbs) => late.note(verbs, []);
    }),
  },
];
