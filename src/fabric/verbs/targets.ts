import { formatAddress, globalAddress, nodeOf, nodeSpaceBytes } from '../../core/address.ts';
import { FarsideError } from '../../core/errors.ts';
import {
  type ClusterMap,
  type ClusterNode,
  mailboxRegionName,
  type RegionSpec,
} from '../../memory/cluster.ts';
import type { FlushReach, RegionDescriptor } from './directory.ts';
import type { VerbRing } from './rings.ts';

/** The remote region of every ring that the directory of a new node is behind. */
export const directoryRemote = 0;

/** A region of the cluster as verbs address it. */
export interface Target {
  readonly node: number;
  /** In the space of its node. */
  readonly startBytes: number;
  readonly endBytes: number;
  /** Messages come here: whoever sleeps there is woken by what is written. */
  readonly mailbox: boolean;
}

interface KnownNode {
  readonly incarnation: number;
  /** Of its first region among the ring's remote regions; the others follow. */
  readonly firstRemote: number;
  readonly flush: readonly FlushReach[];
}

/**
 * Where the regions of all nodes lie: in the cluster's map, and, for a ring, behind which addresses and
 * keys. The latter are of one start of a node: a node that started again has others.
 */
export class Targets {
  readonly #map: ClusterMap;
  readonly #byNode: readonly (readonly Target[])[];
  readonly #known: (KnownNode | undefined)[] = [];
  #remotes = directoryRemote + 1;

  constructor(map: ClusterMap) {
    this.#map = map;
    this.#byNode = map.nodes.map((node) =>
      node.regions.map(({ address, sizeBytes, name }) => {
        const startBytes = address - node.id * nodeSpaceBytes;
        return {
          node: node.id,
          startBytes,
          endBytes: startBytes + sizeBytes,
          mailbox: name === mailboxRegionName && node.role !== 'memory',
        };
      }),
    );
  }

  /**
   * The number of the region, of its node, that holds these bytes; FARSIDE_ADDRESS and FARSIDE_ALIGNMENT
   * as on every fabric. A verb across two regions has no one key that it could carry.
   */
  regionAt(address: number, lengthBytes: number): number {
    const node = nodeOf(address);
    const offset = address - node * nodeSpaceBytes;
    const regions = this.#byNode[node] ?? [];
    for (let i = 0; i < regions.length; i++) {
      const { startBytes, endBytes } = regions[i] as Target;
      if (offset >= endBytes || offset < startBytes) continue;
      if (offset + lengthBytes > endBytes) break;
      if (offset % 8 === 0 && lengthBytes % 8 === 0 && lengthBytes > 0) return i;
      throw new FarsideError(
        'FARSIDE_ALIGNMENT',
        `${lengthBytes} B at node ${node}, offset ${offset}: expected a positive multiple of 8 at ` +
          'a multiple of 8',
      );
    }
    const known = Number.isInteger(address) && address >= 0;
    const where = known ? formatAddress(globalAddress(node, offset)) : String(address);
    throw new FarsideError(
      'FARSIDE_ADDRESS',
      `${lengthBytes} B at ${where} lie outside the regions of the node`,
    );
  }

  isMemory(node: number): boolean {
    return this.#map.node(node).role === 'memory';
  }

  target(node: number, region: number): Target {
    return this.#byNode[node]?.[region] as Target;
  }

  knows(node: number, incarnation: number): boolean {
    return this.#known[node]?.incarnation === incarnation;
  }

  remoteOf(node: number, region: number): number {
    return (this.#known[node] as KnownNode).firstRemote + region;
  }

  flushOf(node: number, region: number): FlushReach {
    return this.#known[node]?.flush[region] ?? 'none';
  }

  /** Takes what a node says of its regions; FARSIDE_CAPACITY where they are not what the map needs. */
  learn(
    ring: VerbRing,
    node: number,
    incarnation: number,
    found: readonly RegionDescriptor[],
    where: string,
  ): void {
    const wanted = checkRegions(this.#map.node(node), found, where);
    const firstRemote = this.#remotes;
    this.#remotes += wanted.length;
    wanted.forEach((region, i) => {
      ring.setRemote(firstRemote + i, region);
    });
    this.#known[node] = { incarnation, firstRemote, flush: wanted.map(({ flush }) => flush) };
  }
}

/**
 * What the node has of the regions that the map lays out there, in the map's order. FARSIDE_USAGE and
 * FARSIDE_CAPACITY say with which regions it must be started.
 */
export function checkRegions(
  node: ClusterNode,
  found: readonly RegionDescriptor[],
  where: string,
): readonly RegionDescriptor[] {
  const names = found.map((candidate) => candidate.name);
  const missing = node.regions.filter(({ name }) => !names.includes(name));
  if (missing.length > 0) {
    const flags = missing.map((region) => regionFlag(region)).join(' ');
    throw new FarsideError(
      'FARSIDE_USAGE',
      `${where} has no region ${missing.map(({ name }) => name).join(', ')}, which ${node.name} needs ` +
        `(it has ${names.join(', ') || 'none'}): start it with ${flags}`,
    );
  }
  return node.regions.map(({ name, medium, sizeBytes }) => {
    const region = found.find((candidate) => candidate.name === name) as RegionDescriptor;
    // The other way round nothing is lost: persistent memory does all that DRAM does.
    if (medium === 'pm' && region.medium === 'dram') {
      throw new FarsideError(
        'FARSIDE_USAGE',
        `region ${name} of ${where} is dram and ${node.name} needs pm: start it with ` +
          `${regionFlag({ name, medium, sizeBytes })}, or run with --set cluster.medium=dram`,
      );
    }
    if (region.lengthBytes < sizeBytes) {
      throw new FarsideError(
        'FARSIDE_CAPACITY',
        `region ${name} of ${where} has ${region.lengthBytes} B and ${node.name} needs ${sizeBytes} B: ` +
          'start it with a larger --region, or lower --keys or --value-bytes',
      );
    }
    return region;
  });
}

function regionFlag({ name, medium, sizeBytes }: RegionSpec): string {
  return `--region ${name}:${medium}:${sizeBytes}${medium === 'pm' ? ':FILE' : ''}`;
}
