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
  /** Bound of the pause before each verb and piece, in ns of the runner's clock. */
  readonly pauseNsMax?: number;
  /** The program is never resumed after so many verbs, or pieces of verbs: its node has crashed. */
  readonly stepsMax?: number;
  /** A memory node that answers nothing: verbs to it end `failed`. */
  readonly lostNode?: number;
}

/**
 * Runs `program` on a fabric that completes verbs at once, with what that fabric never does: a
 * pause before each verb, in which other programs run; the verbs of a batch one by one, in post
 * order on each queue pair and in any order across them; the bytes of one verb in pieces; a crash
 * at any of these; a lost node. Round trips are meaningless under it. Gives undefined where the
 * program "crashed".
 */
export function* interleaved<T>(
  program: Program<T>,
  random: RandomStream,
  options: InterleaveOptions = {},
): Program<T | undefined> {
  const state: State = { ...options, steps: 0, random };
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
      case effectKind.fence:
        // A program that is never resumed has nothing in flight here: each verb is done before it.
        break;
      default:
        yield effect;
    }
  }
}

interface State extends InterleaveOptions {
  readonly random: RandomStream;
  steps: number;
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

/** False where the program crashed before all of the verb was done. */
function* slowly(verb: Verb<unknown>, state: State): Program<boolean> {
  if (nodeOf(verb.address) === state.lostNode) {
    verb.status = verbStatus.failed;
    return true;
  }
  const pieces = piecesOf(verb, state.pieceBytes ?? Number.POSITIVE_INFINITY);
  while (pieces.length > 0) {
    if (state.steps++ >= (state.stepsMax ?? Number.POSITIVE_INFINITY)) return false;
    yield* sleep(state.random.below((state.pauseNsMax ?? 400) + 1));
    const [piece] = pieces.splice(state.random.below(pieces.length), 1);
    yield piece as Effect;
  }
  verb.status = verbStatus.ok;
  return true;
}

function piecesOf(verb: Verb<unknown>, pieceBytes: number): Verb<unknown>[] {
  const { buffer } = verb;
  const tears = verb.op === verbOp.read || verb.op === verbOp.write;
  if (!tears || buffer === undefined || buffer.length <= pieceBytes) return [verb];
  const pieces: Verb<unknown>[] = [];
  for (let at = 0; at < buffer.length; at += pieceBytes) {
    const part = buffer.subarray(at, Math.min(at + pieceBytes, buffer.length));
    const address = verb.address + at;
    pieces.push(verb.op === verbOp.read ? read(address, part) : write(address, part));
  }
  return pieces;
}
