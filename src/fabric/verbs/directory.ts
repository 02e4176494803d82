import { crc32c } from '../../core/checksum.ts';
import { assert, FarsideError } from '../../core/errors.ts';
import { layout, u8, u16, u32, u53, u64 } from '../../core/layout.ts';
import type { Medium } from '../../memory/cluster.ts';
import type { RemoteRegion } from './native.ts';

/**
 * The regions of a memory node, as a region of their own: a new client READs it first, so that the node
 * need not answer questions.
 *
 *   0       4         6      8          12    16        16 + 64 n
 *   +-------+---------+------+----------+-----+---------+
 *   | count | version | free | checksum | pad | regions |     checksum: CRC-32C over the regions
 *   +-------+---------+------+----------+-----+---------+
 *   each region
 *   0         8        16     20       21      22     24           25     64
 *   +---------+--------+------+--------+-------+------+------------+------+
 *   | address | length | rkey | medium | flush | free | name bytes | name |
 *   +---------+--------+------+--------+-------+------+------------+------+
 */
const head = layout('directory head', {
  count: u32,
  version: u16,
  free: u16,
  checksum: u32,
  pad: u32,
});
const entry = layout('directory entry', {
  address: u64,
  lengthBytes: u53,
  rkey: u32,
  medium: u8,
  flush: u8,
  free: u16,
  nameBytes: u8,
});
const nameAt = entry.field.nameBytes.offsetBytes + 1;
const entryBytes = 64;
const regionNameBytesMax = entryBytes - nameAt;
/** A directory is one READ of a page. */
const regionsMax = (4096 - head.sizeBytes) / entryBytes;
const reaches: readonly FlushReach[] = ['none', 'global', 'persistent'];
const media: readonly Medium[] = ['dram', 'pm'];

export type FlushReach = 'none' | 'global' | 'persistent';

export interface RegionDescriptor extends RemoteRegion {
  readonly name: string;
  readonly medium: Medium;
  /** What a FLUSH of it can promise; `none` where the platform refused the right to flush. */
  readonly flush: FlushReach;
}

export function directoryBytes(regionCount: number): number {
  return head.sizeBytes + regionCount * entryBytes;
}

export function encodeDirectory(regions: readonly RegionDescriptor[], into: Uint8Array): void {
  assert(
    regions.length <= regionsMax,
    () => `${regions.length} regions: a memory node has at most ${regionsMax}`,
    'FARSIDE_LIMIT',
  );
  regions.forEach((region, i) => {
    const at = head.sizeBytes + i * entryBytes;
    const name = new TextEncoder().encode(region.name);
    assert(
      name.length > 0 && name.length <= regionNameBytesMax,
      () => `region ${region.name}: a name has 1 to ${regionNameBytesMax} bytes`,
      'FARSIDE_USAGE',
    );
    entry.field.address.set(into, at, region.address);
    entry.field.lengthBytes.set(into, at, region.lengthBytes);
    entry.field.rkey.set(into, at, region.rkey);
    entry.field.medium.set(into, at, media.indexOf(region.medium));
    entry.field.flush.set(into, at, reaches.indexOf(region.flush));
    entry.field.nameBytes.set(into, at, name.length);
    into.set(name, at + nameAt);
  });
  const end = directoryBytes(regions.length);
  head.field.count.set(into, 0, regions.length);
  head.field.version.set(into, 0, 1);
  head.field.checksum.set(into, 0, crc32c(into, head.sizeBytes, end));
}

/** FARSIDE_CORRUPT where the bytes are no directory. */
export function decodeDirectory(bytes: Uint8Array): RegionDescriptor[] {
  const count = bytes.length < head.sizeBytes ? -1 : head.field.count.get(bytes, 0);
  const end = directoryBytes(count);
  if (
    count < 0 ||
    end > bytes.length ||
    head.field.version.get(bytes, 0) !== 1 ||
    head.field.checksum.get(bytes, 0) !== crc32c(bytes, head.sizeBytes, end)
  ) {
    throw new FarsideError('FARSIDE_CORRUPT', 'what a memory node gave is no list of regions');
  }
  return Array.from({ length: count }, (_, i) => {
    const at = head.sizeBytes + i * entryBytes;
    const nameEnd = at + nameAt + entry.field.nameBytes.get(bytes, at);
    return {
      // A copy, because a decoder takes no views of shared memory.
      name: new TextDecoder().decode(bytes.slice(at + nameAt, nameEnd)),
      medium: media[entry.field.medium.get(bytes, at)] ?? 'dram',
      flush: reaches[entry.field.flush.get(bytes, at)] ?? 'none',
      address: entry.field.address.get(bytes, at),
      lengthBytes: entry.field.lengthBytes.get(bytes, at),
      rkey: entry.field.rkey.get(bytes, at),
    };
  });
}
