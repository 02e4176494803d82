import { type Address, nodeOf } from '../../core/address.ts';
import { recordHead, recordIsWhole, recordValueOffset } from '../../core/record.ts';
import { loadHalf } from '../../core/word.ts';
import type { Audit, AuditEntry, MemoryImage } from '../recovery.ts';
import type { Site } from '../system.ts';
import type { CloverConfig } from './config.ts';
import { CloverLayout } from './layout.ts';
import type { Chain } from './metadata/chain.ts';
import type { MetadataServer } from './metadata/server.ts';
import type { CloverNode } from './node.ts';
import { handleOf, isHeld, nextSequence, type Reference, reference, versionOf } from './pointer.ts';
import { classBytes } from './pools.ts';
import { type Standing, standingOf } from './recovery/header.ts';

const versionsMax = 1_000_000;

/**
 * Looks at a store at rest, in raw memory: walks every chain that a server knows from where the server
 * stands to its newest version, and accounts for every buffer of the pools: in a chain, or in a free
 * list of a server or a compute node. Buffers of servers that are not given are left out.
 */
export function auditClover(
  site: Site,
  config: CloverConfig,
  image: MemoryImage,
  nodes: readonly CloverNode[],
  servers: readonly MetadataServer[],
): Audit {
  // A server's own layout: it knows which memory node has taken whose place.
  const layout = servers[0]?.layout ?? new CloverLayout(site.cluster, site.shape, config);
  const doubts = new Set(nodes.flatMap((node) => [...node.doubts.nodes()]));
  const auditor = new Auditor(layout, image);
  for (const server of servers) {
    for (const chain of server.namer.all()) auditor.walk(chain);
    for (const target of server.allocator.unused()) auditor.count(target, 'free');
    const { index, late } = server.state;
    auditor.checkSlots(index, server.namer.all(), (node) => doubts.has(node) || late.isAt(node));
  }
  for (const node of nodes) {
    for (const target of node.heldBuffers()) auditor.count(target, 'free');
  }
  return auditor.close(new Set(servers.map((server) => server.state.index)));
}

class Auditor {
  readonly #layout: CloverLayout;
  readonly #image: MemoryImage;
  readonly #entries: AuditEntry[] = [];
  readonly #violations: string[] = [];
  readonly #seen: Uint8Array;
  readonly #doubled: Address[] = [];
  #reachable = 0;
  #free = 0;

  constructor(layout: CloverLayout, image: MemoryImage) {
    this.#layout = layout;
    this.#image = image;
    this.#seen = new Uint8Array(layout.handles + 1);
  }

  count(target: Reference, where: 'free' | 'reachable'): void {
    if (where === 'free') this.#free++;
    else this.#reachable++;
    const handle = handleOf(target);
    if (this.#seen[handle] !== 0) this.#doubled.push(this.#layout.addressOf(target));
    this.#seen[handle] = 1;
  }

  walk(chain: Chain): void {
    let { refs, sequence } = chain;
    const isNamed = chain.tombstone === 0;
    for (let i = 0; i < versionsMax; i++) {
      for (const copy of refs) this.count(copy, 'reachable');
      const copies = refs.map((copy) => this.#bytesOf(copy));
      const standing = standingOf(copies, refs);
      const whole = this.#checkCopies(chain, refs, copies, standing);
      if (standing.kind !== 'linked') {
        const isAlive = standing.kind === 'tail' && isNamed;
        if (isAlive && whole !== undefined) this.#entries.push(entryOf(chain.text, whole, refs));
        if (standing.kind === 'tail' && !isNamed)
          this.#complain(chain, 'removed without a tombstone');
        if (standing.kind === 'tombstone' && isNamed) this.#complain(chain, 'deleted, but named');
        return;
      }
      if (standing.sequence !== nextSequence(sequence)) {
        this.#complain(chain, `sequence ${standing.sequence} follows ${sequence}`);
      }
      refs = [...standing.refs];
      sequence = standing.sequence;
    }
    this.#complain(chain, 'does not end');
  }

  /** Gives the bytes of a whole copy of the record. */
  #checkCopies(
    chain: Chain,
    refs: readonly Reference[],
    copies: readonly (Uint8Array | undefined)[],
    standing: Standing,
  ): Uint8Array | undefined {
    const words = refs.length;
    let whole: Uint8Array | undefined;
    const headers = new Set<string>();
    for (const [c, bytes] of copies.entries()) {
      if (bytes === undefined) continue;
      const why = this.#flawOf(chain, refs[c] as Reference, bytes, words);
      if (why !== undefined) this.#complain(chain, `copy ${c} of ${refs[c]}: ${why}`);
      else whole ??= bytes;
      // Words differ between copies only in the version that they lie in.
      headers.add(linksOf(bytes, words));
    }
    if (standing.kind === 'unclear') this.#complain(chain, `${refs} is recycled or torn`);
    else if (headers.size > 1) this.#complain(chain, `the copies of ${refs} link differently`);
    if (whole === undefined) this.#complain(chain, `no whole copy of ${refs}`);
    return whole;
  }

  #flawOf(chain: Chain, copy: Reference, bytes: Uint8Array, words: number): string | undefined {
    const at = 8 * words;
    if (isHeld(loadHalf(bytes, 0))) return 'B_w stands';
    if (!recordIsWhole(bytes, at)) return 'its checksum fails';
    const tag = recordHead.field.version.get(bytes, at);
    if (tag % 256 !== versionOf(copy)) return `its record is of version ${tag % 256}`;
    const ofChain = Math.floor(tag / 256);
    if (ofChain !== 0 && ofChain !== chain.number) return `its record is of chain ${ofChain}`;
    const start = at + recordHead.sizeBytes;
    const key = bytes.subarray(start, start + recordHead.field.keyBytes.get(bytes, at));
    return String.fromCharCode(...key) === chain.text ? undefined : 'its record has another key';
  }

  /** A shortcut that stands in a slot of no chain would show a recovery a key that is deleted. */
  checkSlots(server: number, chains: Iterable<Chain>, isInDoubt: (node: number) => boolean): void {
    const used = new Set<number>();
    for (const chain of chains) used.add(this.#layout.slotOf(chain.number));
    const word = new Uint8Array(8);
    for (const slot of this.#layout.slotsOf(server)) {
      if (used.has(slot)) continue;
      const address = this.#layout.shortcutAddressOf(slot);
      // A WRITE in doubt may act when the chain has ended; nobody is deceived (late-verbs.ts).
      if (!this.#image.isUp(nodeOf(address)) || isInDoubt(nodeOf(address))) continue;
      this.#image.read(address, word);
      if (word.some((byte) => byte !== 0)) {
        this.#violations.push(`the shortcut of slot ${slot} stands, and no chain has the slot`);
      }
    }
  }

  close(servers: ReadonlySet<number>): Audit {
    const leaked: Address[] = [];
    for (let handle = 1; handle <= this.#layout.handles; handle++) {
      if (this.#seen[handle] !== 0) continue;
      const target = reference(handle, 1);
      if (servers.has(this.#layout.serverOf(target))) leaked.push(this.#layout.addressOf(target));
    }
    return {
      entries: this.#entries,
      reachable: this.#reachable,
      free: this.#free,
      leaked,
      doubled: this.#doubled,
      violations: this.#violations,
    };
  }

  /** Undefined where the memory node is lost. */
  #bytesOf(copy: Reference): Uint8Array | undefined {
    const address = this.#layout.addressOf(copy);
    if (!this.#image.isUp(nodeOf(address))) return undefined;
    const bytes = new Uint8Array(classBytes(this.#layout.sizeClassOf(copy)));
    this.#image.read(address, bytes);
    return bytes;
  }

  #complain(chain: Chain, what: string): void {
    this.#violations.push(`key ${JSON.stringify(chain.text)}, chain ${chain.number}: ${what}`);
  }
}

/** Header words without the version of the buffer that they lie in. */
function linksOf(bytes: Uint8Array, words: number): string {
  const links: string[] = [];
  for (let r = 0; r < words; r++) {
    links.push(`${loadHalf(bytes, 8 * r + 4)}:${loadHalf(bytes, 8 * r) & ~(0xff << 11)}`);
  }
  return links.join();
}

function entryOf(key: string, bytes: Uint8Array, refs: readonly Reference[]): AuditEntry {
  const at = 8 * refs.length;
  const start = at + recordValueOffset(bytes, at);
  const end = start + recordHead.field.valueBytes.get(bytes, at);
  const version = recordHead.field.version.get(bytes, at);
  return { key, version, value: bytes.slice(start, end) };
}
