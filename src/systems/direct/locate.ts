import { type Address, offsetOf } from '../../core/address.ts';
import type { ClusterMap, Region } from '../../memory/cluster.ts';
import type { Site } from '../system.ts';
import { lockBytes, type SizeClass, sizeClassAt, slotUnitBytes } from './size-classes.ts';
import {
  bucketBytes,
  controlOffsetBytes,
  extentBytes,
  indexRegion,
  poolRegion,
  type Sizing,
  sizingOf,
} from './sizing.ts';

/** Runs of extents claimed by nodes of this process: what the directories in memory also say. */
interface ClaimedRun {
  readonly firstExtent: number;
  readonly sizeClass: SizeClass;
}

const claimedRuns = new WeakMap<ClusterMap, Map<string, ClaimedRun>>();

/** Remembers a claim, so that `locateAddress` can name the slots in it without reading memory. */
export function noteClaim(
  cluster: ClusterMap,
  primary: number,
  run: ClaimedRun,
  extents: number,
): void {
  let runs = claimedRuns.get(cluster);
  if (runs === undefined) {
    runs = new Map();
    claimedRuns.set(cluster, runs);
  }
  for (let i = 0; i < extents; i++) runs.set(`${primary} ${run.firstExtent + i}`, run);
}

/** What lies at an address, in words; undefined outside the regions of this system. */
export function locateAddress(site: Site, address: Address): string | undefined {
  const found = regionAt(site.cluster, address);
  if (found === undefined) return undefined;
  const { region, memoryNode } = found;
  const sizing = sizingOf(site.shape);
  const at = offsetOf(address) - offsetOf(region.address);
  if (region.name === indexRegion) return inIndex(at);
  if (region.name === poolRegion) return inPool(at);
  const copy = Number(region.name.slice('copy'.length));
  const nodes = site.shape.memoryNodes;
  const primary = (memoryNode - copy + nodes) % nodes;
  return `${copyName(copy)}${inCopy(site.cluster, sizing, primary, at)}`;
}

function regionAt(
  cluster: ClusterMap,
  address: Address,
): { region: Region; memoryNode: number } | undefined {
  for (const [memoryNode, node] of cluster.withRole('memory').entries()) {
    for (const region of node.regions) {
      if (address >= region.address && address < region.address + region.sizeBytes) {
        return { region, memoryNode };
      }
    }
  }
  return undefined;
}

function inIndex(at: number): string {
  const bucket = Math.floor(at / bucketBytes);
  const word = Math.floor((at % bucketBytes) / 8);
  return word === 0
    ? `index bucket ${bucket}, lock word`
    : `index bucket ${bucket}, entry ${word - 1}`;
}

function inPool(at: number): string {
  if (at < slotUnitBytes) return 'count of claimed extents';
  if (at >= controlOffsetBytes) return 'change of memory node';
  const sizeClass = sizeClassAt(Math.floor((at - slotUnitBytes) / 8));
  return `where slots of ${sizeClass.strideBytes} B were offered`;
}

function copyName(copy: number): string {
  return copy === 0 ? '' : `copy ${copy}: `;
}

function inCopy(cluster: ClusterMap, sizing: Sizing, primary: number, at: number): string {
  if (at < sizing.directoryBytes) return `directory, extent ${Math.floor(at / 8)}`;
  const inSlots = at - sizing.directoryBytes;
  const extent = Math.floor(inSlots / extentBytes);
  const run = claimedRuns.get(cluster)?.get(`${primary} ${extent}`);
  if (run === undefined) return `extent ${extent}`;
  const { strideBytes, capacityBytes, redoOffsetBytes } = run.sizeClass;
  const inRun = inSlots - run.firstExtent * extentBytes;
  const slot = Math.floor(inRun / strideBytes);
  const inSlot = inRun % strideBytes;
  const part =
    inSlot < lockBytes
      ? 'lock word'
      : inSlot < redoOffsetBytes
        ? 'committed record'
        : 'redo record';
  return `extent ${run.firstExtent}, slot ${slot} (records to ${capacityBytes} B), ${part}`;
}
