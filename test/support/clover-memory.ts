import { recordHead, recordIsWhole } from '../../src/core/record.ts';
import { loadHalf } from '../../src/core/word.ts';
import type { CloverLayout } from '../../src/systems/clover/layout.ts';
import type { Chain } from '../../src/systems/clover/metadata/chain.ts';
import {
  areaIn,
  handleIn,
  isHeld,
  linkIn,
  nextSequence,
  ownIn,
  type Reference,
  tombstoneArea,
  versionOf,
} from '../../src/systems/clover/pointer.ts';
import { classBytes } from '../../src/systems/clover/pools.ts';

/** Reads any range of any node's memory, outside of every program. */
export type Inspect = (address: number, lengthBytes: number) => Uint8Array;

export interface FoundVersion {
  readonly refs: readonly Reference[];
  readonly sequence: number;
  readonly value: Uint8Array;
  readonly isTombstone: boolean;
}

const versionsMax = 100_000;

/**
 * Walks a chain in raw memory from where its server stands to its tail, and throws where anything is not
 * as it must be when nobody writes: versions that do not match, copies that differ, a sequence that does
 * not count up, a record of another key, one that is not whole, or B_w left standing.
 *
 * `crashed`: writers stopped anywhere. A write whose link stands in all copies counts as completed, any
 * other as undone; headers are judged by that and not by B_w.
 */
export function walkChain(
  layout: CloverLayout,
  chain: Chain,
  inspect: Inspect,
  crashed = false,
): FoundVersion[] {
  const found: FoundVersion[] = [];
  let { refs, sequence } = chain;
  for (let i = 0; i < versionsMax; i++) {
    const copies = refs.map((ref) =>
      inspect(layout.addressOf(ref), classBytes(layout.sizeClassOf(ref))),
    );
    const links = copies.map((bytes, copy) =>
      linksOf(bytes, refs[copy] as Reference, refs.length, crashed),
    );
    const at = 8 * refs.length;
    const [first] = copies as [Uint8Array];
    for (const bytes of copies) {
      check(recordIsWhole(bytes, at), 'a record is not whole');
      check(keyText(bytes, at) === chain.text, `a record of another key in chain ${chain.text}`);
      const tag = recordHead.field.version.get(bytes, at);
      check(tag % 256 === ownIn(loadHalf(bytes, 0)), 'record and header differ in GC version');
      const ofChain = Math.floor(tag / 256);
      check(ofChain === 0 || ofChain === chain.number, `a record of chain ${ofChain}`);
    }
    const next = links.find((link) => link.refs === undefined) ?? (links[0] as Links);
    for (const other of links) {
      check(crashed || other.text === next.text, 'copies link to different versions');
    }
    const start = at + recordHead.sizeBytes + recordHead.field.keyBytes.get(first, at);
    const end = start + recordHead.field.valueBytes.get(first, at);
    const isTombstone = next.refs === undefined && next.area === tombstoneArea;
    found.push({ refs, sequence, value: first.slice(start, end), isTombstone });
    if (next.refs === undefined) return found;
    check(
      crashed || next.area === nextSequence(sequence),
      `sequence ${next.area} follows ${sequence}`,
    );
    refs = next.refs;
    sequence = nextSequence(sequence);
  }
  throw new Error(`chain ${chain.text} does not end`);
}

interface Links {
  readonly refs: Reference[] | undefined;
  readonly area: number;
  readonly text: string;
}

function linksOf(bytes: Uint8Array, here: Reference, replicas: number, crashed: boolean): Links {
  const refs: Reference[] = [];
  let area = 0;
  for (let r = 0; r < replicas; r++) {
    const low = loadHalf(bytes, 8 * r);
    const high = loadHalf(bytes, 8 * r + 4);
    check(crashed || r > 0 || !isHeld(low), 'B_w was left standing');
    check(ownIn(low) === versionOf(here), `version ${ownIn(low)} where ${versionOf(here)} belongs`);
    if (handleIn(high, low) !== 0) refs.push(linkIn(high, low));
    if (r === 0) area = areaIn(low);
  }
  const isWhole = refs.length === replicas;
  check(crashed || refs.length === 0 || isWhole, 'a header links to some copies only');
  return { refs: isWhole ? refs : undefined, area, text: `${refs.join()} ${area}` };
}

function keyText(bytes: Uint8Array, at: number): string {
  const start = at + recordHead.sizeBytes;
  const end = start + recordHead.field.keyBytes.get(bytes, at);
  return String.fromCharCode(...bytes.subarray(start, end));
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}
