import { nodeOf } from '../../core/address.ts';
import {
  batch,
  flush,
  type Program,
  read,
  readWord,
  type Verb,
  VerbError,
  write,
} from '../../core/effect.ts';
import type { DirectNode } from './node.ts';
import { extentBytes } from './sizing.ts';
import { unpackClaim } from './words.ts';

/** One READ or WRITE moves at most that much. */
const pieceBytes = 64 * 1024;
/** READs, and then WRITEs, in one doorbell. */
const piecesAtOnce = 4;

/** Copies a range through this node, and gives its bytes back as a number. */
export function* copyRange(
  node: DirectNode,
  from: number,
  to: number,
  lengthBytes: number,
): Program<number> {
  const buffers = Array.from({ length: piecesAtOnce }, () => new Uint8Array(pieceBytes));
  for (let at = 0; at < lengthBytes; at += pieceBytes * piecesAtOnce) {
    const pieces = buffers.flatMap((buffer, i) => {
      const start = at + i * pieceBytes;
      const bytes = buffer.subarray(0, Math.max(0, Math.min(pieceBytes, lengthBytes - start)));
      return bytes.length === 0 ? [] : [{ start, bytes }];
    });
    yield* batch(...pieces.map(({ start, bytes }) => read(from + start, bytes)));
    yield* writeAll(
      node,
      pieces.map(({ start, bytes }) => ({ address: to + start, bytes })),
    );
  }
  return lengthBytes;
}

/** WRITEs, durable where the run asks for it. */
export function* writeAll(
  node: DirectNode,
  pieces: readonly { readonly address: number; readonly bytes: Uint8Array }[],
): Program {
  const flushes = node.context.durability === 'flush';
  const verbs = pieces.flatMap(({ address, bytes }): Verb<unknown>[] => {
    const verb = write(address, bytes);
    return flushes ? [verb, flush(address, bytes.length)] : [verb];
  });
  yield* batch(...verbs);
}

/**
 * Copies everything that a place's memory node holds to another: index, claims and offers, and of each
 * copy what has been claimed. No write touches it meanwhile.
 */
export function* copyPlace(node: DirectNode, place: number, to: number): Program<number> {
  const { geometry } = node;
  const target = geometry.onNode(place, to);
  const { buckets } = geometry.sizing;
  let moved = yield* copyRange(
    node,
    geometry.bucket(place, 0),
    target.bucket(place, 0),
    buckets * 64,
  );
  moved += yield* copyRange(
    node,
    geometry.claims(place),
    target.claims(place),
    geometry.poolWordsBytes,
  );
  for (const [copy, primary] of geometry.primariesAt(place).entries()) {
    const { extents } = unpackClaim(yield* readWord(geometry.claims(primary)));
    moved += yield* copyArea(node, { primary, copy, from: copy, extents }, target);
  }
  return moved;
}

export interface Area {
  readonly primary: number;
  /** The copy that is made, and the one it is made of. */
  readonly copy: number;
  readonly from: number;
  readonly extents: number;
}

/** Directory and slots of one copy, to where `target` has that copy. */
export function* copyArea(
  node: DirectNode,
  { primary, copy, from, extents }: Area,
  target: DirectNode['geometry'],
): Program<number> {
  if (extents === 0) return 0;
  const { geometry } = node;
  const directory = [
    geometry.directory(primary, from, 0),
    target.directory(primary, copy, 0),
  ] as const;
  const slots = [geometry.slot(primary, from, 0), target.slot(primary, copy, 0)] as const;
  return (
    (yield* copyRange(node, directory[0], directory[1], extents * 8)) +
    (yield* copyRange(node, slots[0], slots[1], extents * extentBytes))
  );
}

/**
 * The outcome of a program that ends where a memory node is lost; undefined where it is. Only who watches the
 * cluster knows that: one that has started anew fails a verb just the same, and its copies would be left out
 * of what is done to the others, and differ for good.
 */
export function* unlessLost<T>(node: DirectNode, program: Program<T>): Program<T | undefined> {
  try {
    return yield* program;
  } catch (error) {
    if (error instanceof VerbError && node.lostMemory.has(nodeOf(error.address))) return undefined;
    throw error;
  }
}
