import { nodeOf } from '../../src/core/address.ts';
import {
  type Batch,
  type Effect,
  effectKind,
  type Program,
  read,
  sleep,
  spawn,
  type Verb,
  verbOp,
  verbStatus,
  write,
} from '../../src/core/effect.ts';
import type { RandomStream } from '../../src/core/random.ts';

export interface InterleaveOptions {
  /** READs and WRITEs are torn into pieces of at most this many bytes, in any order. */
  readonly pieceBytes?: number;
  /** Bound of the pause before each verb, in ns of the runner's clock. */
  readonly pauseNsMax?: number;
  /** The program is never resumed after so many verbs: its node has crashed. */
  readonly verbsMax?: number;
}

/**
 * Runs `program` as nastily as the contract allows on a fabric that completes verbs at once: a pause
 * before each verb, in which other programs run; the verbs of a batch one by one, in post order on each
 * queue pair and in any order across them; and the bytes of one verb in pieces. Round trips are
 * meaningless under it. Gives undefined where the program "crashed".
 */
export function* interleaved<T>(
  program: Program<T>,
  random: RandomStream,
  options: InterleaveOptions = {},
): Program<T | undefined> {
  const state = { verbs: 0, ...options, random };
  for (;;) {
    const step = program.next();
    if (step.done === true) return step.value;
    const effect: Effect = step.value;
    switch (effect.kind) {
      case effectKind.verb:
        if (!(yield* slowly(effect, state))) return undefined;
        break;
      case effectKind.batch:
        if (!(yield* slowlyAll(effect, state))) return undefined;
        break;
      case effectKind.spawn:
        yield* spawn(interleaved(effect.program, random, options), effect.label);
        break;
      default:
        yield effect;
    }
  }
}

interface State extends InterleaveOptions {
  readonly random: RandomStream;
  verbs: number;
}

/** Picks a queue pair at random and performs its next verb, until all are done. */
function* slowlyAll(batch: Batch, state: State): Program<boolean> {
  const queues = new Map<number, Verb<unknown>[]>();
  for (const verb of batch.verbs) {
    const node = nodeOf(verb.address);
    queues.set(node, [...(queues.get(node) ?? []), verb]);
  }
  const waiting = [...queues.values()];
  while (waiting.length > 0) {
    const i = state.random.below(waiting.length);
    const queue = waiting[i] as Verb<unknown>[];
    if (!(yield* slowly(queue.shift() as Verb<unknown>, state))) return false;
    if (queue.length === 0) waiting.splice(i, 1);
  }
  return true;
}

function* slowly(verb: Verb<unknown>, state: State): Program<boolean> {
  if (state.verbs++ >= (state.verbsMax ?? Number.POSITIVE_INFINITY)) return false;
  yield* pause(state);
  const { pieceBytes } = state;
  const tears = verb.op === verbOp.read || verb.op === verbOp.write;
  if (!tears || verb.buffer === undefined || pieceBytes === undefined) {
    yield verb;
    return true;
  }
  const pieces = piecesOf(verb, pieceBytes);
  while (pieces.length > 0) {
    const [piece] = pieces.splice(state.random.below(pieces.length), 1);
    yield* piece as Verb;
    yield* pause(state);
  }
  verb.status = verbStatus.ok;
  return true;
}

function piecesOf(verb: Verb<unknown>, pieceBytes: number): Verb[] {
  const buffer = verb.buffer as Uint8Array;
  const pieces: Verb[] = [];
  for (let at = 0; at < buffer.length; at += pieceBytes) {
    const part = buffer.subarray(at, Math.min(at + pieceBytes, buffer.length));
    const address = verb.address + at;
    pieces.push(verb.op === verbOp.read ? read(address, part) : write(address, part));
  }
  return pieces;
}

function* pause({ random, pauseNsMax = 400 }: State): Program {
  yield* sleep(random.below(pauseNsMax + 1));
}
