import { cas, type Program, readWord, settle, writeWord } from '../../../src/core/effect.ts';
import { recordHead, sealRecord } from '../../../src/core/record.ts';
import type { DirectNode } from '../../../src/systems/direct/node.ts';
import {
  decodeLock,
  heldWord,
  idleWord,
  lockState,
  versionGeneration,
} from '../../../src/systems/direct/words.ts';
import type { System, SystemPromise } from '../../../src/systems/system.ts';
import { isOp, pretend, type Seen, type Tamperings, tampered } from './tampering.ts';

/** Direct with one thing wrong on purpose: what a checker must find. */
export interface Twin {
  readonly name: string;
  readonly system: System;
  /** What it breaks. */
  readonly breaks: SystemPromise['promise'] | 'conservation of space';
  /** The schedule that shows it, in a sentence. */
  readonly because: string;
  /** What has to happen for it to show. */
  readonly needs: {
    readonly replicas: number;
    readonly durability: 'assumed' | 'flush';
    readonly fault:
      | 'none'
      | 'compute node'
      | 'two recover'
      | 'memory power'
      | 'memory lost'
      | 'cut';
  };
}

const calm = { replicas: 1, durability: 'assumed', fault: 'none' } as const;
const crash = { replicas: 2, durability: 'assumed', fault: 'compute node' } as const;

function twin(
  name: string,
  breaks: Twin['breaks'],
  because: string,
  needs: Twin['needs'],
  tamperings: Tamperings,
): Twin {
  return { name, breaks, because, needs, system: tampered(tamperings) };
}

const isWrite = (seen: Seen, target: Seen['target']): boolean => isOp(seen, 'write', target);

/** A record's own bytes, where a verb carries one from its start. */
function recordOf({ verb }: Seen): Uint8Array | undefined {
  const { buffer } = verb;
  return buffer !== undefined && buffer.length > recordHead.sizeBytes ? buffer : undefined;
}

/** READs of records look whole: the checksum is computed of what came. */
function seal(bytes: Uint8Array): void {
  const { keyBytes, valueBytes, version } = recordHead.field;
  const end = recordHead.sizeBytes + keyBytes.get(bytes, 0) + valueBytes.get(bytes, 0);
  if (end <= bytes.length && keyBytes.get(bytes, 0) > 0) {
    sealRecord(bytes, 0, version.get(bytes, 0));
  }
}

function* withoutChecksum(seen: readonly Seen[]): Program {
  for (const one of seen) {
    const record = recordOf(one);
    if (isOp(one, 'read', 'committed') && record !== undefined) seal(record);
  }
}

/** Leaves the slot's lock before the WRITEs that it covers. */
function* unlockFirst(seen: readonly Seen[]): Program {
  const first = seen.find((one) => one.copy === 0 && isWrite(one, 'committed'));
  const record = first === undefined ? undefined : recordOf(first);
  // A fill WRITEs the lock word too; a put does not.
  if (first === undefined || record === undefined || seen.some((s) => isWrite(s, 'slot lock')))
    return;
  const generation = versionGeneration(recordHead.field.version.get(record, 0));
  yield* settle(writeWord(first.verb.address - 8, idleWord(generation)));
}

/** Locks whatever life of the slot there is, where the lock was idle. */
function* lockAnyLife(seen: readonly Seen[]): Program {
  for (const { verb, target } of seen) {
    if (target !== 'slot lock' || verb.swapped || verb.compare === 0n) continue;
    const found = decodeLock(verb.word);
    const wanted = decodeLock(verb.operand);
    if (found.state !== lockState.idle || wanted.state !== lockState.held) continue;
    const mine = heldWord(found.generation, wanted.incarnation, wanted.stamp);
    const again = cas(verb.address, verb.word, mine);
    yield* settle(again);
    if (again.swapped) pretend(verb, verb.compare);
  }
}

function without(wrong: (seen: Seen, all: readonly Seen[]) => boolean) {
  return (all: readonly Seen[]) => all.filter((seen) => !wrong(seen, all));
}

/** A recovery's READs of redo records: copy 0's stands for all, and is taken to be whole. */
function* trustRedo(seen: readonly Seen[]): Program {
  const redo = seen.filter((one) => isOp(one, 'read', 'redo'));
  const first = redo[0] === undefined ? undefined : recordOf(redo[0]);
  if (first === undefined) return;
  seal(first);
  for (const one of redo) recordOf(one)?.set(first);
}

function* doubtRedo(seen: readonly Seen[]): Program {
  for (const one of seen) {
    const record = recordOf(one);
    if (isOp(one, 'read', 'redo') && record !== undefined)
      recordHead.field.version.set(record, 0, 0);
  }
}

/** Takes a lost writer's lock by a WRITE, whoever has taken it meanwhile. */
function* takeByWrite(seen: readonly Seen[]): Program {
  for (const { verb, target } of seen) {
    if (target !== 'slot lock' || verb.compare === 0n) continue;
    if (decodeLock(verb.compare).state !== lockState.held) continue;
    if ((yield* readWord(verb.address)) === 0n) continue;
    yield* settle(writeWord(verb.address, verb.operand));
    pretend(verb, verb.compare);
  }
}

/** A sweep takes upon itself to find what its node has lost, and does not wait until that is over. */
function sweepAtOnce(node: DirectNode): void {
  const { leftovers } = node;
  const settle = node.settle.bind(node);
  const sweep = leftovers.sweep.bind(leftovers);
  let isAtOnce = false;
  const settleOrNot = function* (): Program {
    if (!isAtOnce) yield* settle();
  };
  const sweepAnd: typeof sweep = function* (primary, tally) {
    const program = sweep(primary, tally);
    // As far as its first effect: what it waits for comes before.
    isAtOnce = true;
    const first = program.next();
    isAtOnce = false;
    if (first.done === true) return;
    yield first.value;
    yield* program;
  };
  Object.assign(node, { settle: settleOrNot });
  Object.assign(leftovers, { sweep: sweepAnd });
}

export const directTwins: readonly Twin[] = [
  twin(
    'no-checksum',
    'read committed',
    'a get whose READ is torn by a put gives words of two values',
    { ...calm },
    { clients: () => ({ after: withoutChecksum }) },
  ),
  twin(
    'unlock-first',
    'atomic write',
    'a second writer takes the lock, and the committed WRITEs of both mix',
    { ...calm, replicas: 2 },
    { clients: () => ({ before: unlockFirst }) },
  ),
  twin(
    'lock-any-life',
    'data reliability',
    'a put that is delayed between look-up and lock writes over the key that has the slot now',
    { ...calm },
    { clients: () => ({ after: lockAnyLife }) },
  ),
  twin(
    'no-bucket-lock',
    'data reliability',
    'two inserts of one key both succeed, and one of the values is reached by nobody',
    { ...calm },
    {
      clients: () => ({
        verbs: without((seen) => isOp(seen, 'cas', 'bucket lock')),
      }),
    },
  ),
  twin(
    'copies-forgotten',
    'data reliability',
    'a put is acknowledged and only the primary has it; then the primary is lost',
    { replicas: 2, durability: 'assumed', fault: 'memory lost' },
    {
      clients: () => ({
        verbs: without(
          (seen) => seen.copy > 0 && (isWrite(seen, 'committed') || isWrite(seen, 'redo')),
        ),
      }),
    },
  ),
  twin(
    'no-redo',
    'atomic write',
    'a writer dies between two WRITEs of committed copies, and nothing tells how it was to go on',
    { ...crash },
    { clients: () => ({ verbs: without((seen) => isWrite(seen, 'redo')) }) },
  ),
  twin(
    'recovery-unfenced',
    'atomic write',
    'a WRITE of the dead node lands after its lock was broken, over what others have written since',
    { ...crash },
    { recovery: () => ({ unfenced: true }) },
  ),
  twin(
    'recovery-trusts-redo',
    'atomic write',
    'a writer dies while its redo is half written, and recovery commits the half',
    { ...crash },
    { recovery: () => ({ after: trustRedo }) },
  ),
  twin(
    'recovery-always-undoes',
    'atomic write',
    'a writer dies with one of two committed copies written, and recovery only leaves the lock',
    { ...crash },
    { recovery: () => ({ after: doubtRedo }) },
  ),
  twin(
    'recovery-takes-by-write',
    'data reliability',
    'a second survivor finishes the dead put again, over one that was acknowledged in between',
    { ...crash, fault: 'two recover' },
    { recovery: () => ({ before: takeByWrite }) },
  ),
  twin(
    'redo-unflushed',
    'atomic write',
    'power fails while committed copies are written, and neither they nor the redo have survived',
    { replicas: 1, durability: 'flush', fault: 'memory power' },
    {
      clients: () => ({
        verbs: without((seen) => isOp(seen, 'flush', 'redo') || isOp(seen, 'flush', 'slot lock')),
      }),
    },
  ),
  twin(
    'sweep-before-lost-verbs',
    'conservation of space',
    "a CAS of the node's own, lost with its queue pair, lands between the sweep's READ of a slot and its CAS",
    { replicas: 1, durability: 'assumed', fault: 'cut' },
    { node: sweepAtOnce },
  ),
];
