import { type Address, nodeOf, offsetOf } from '../../core/address.ts';
import { mailboxRegionName } from '../../memory/cluster.ts';
import type { Site, System, SystemPromise } from '../system.ts';
import { auditCentral } from './audit.ts';
import { chunkBytes, chunkHeadBytes } from './chunk.ts';
import { controlBytes } from './control.ts';
import { centralCounters } from './counters.ts';
import { mapHeadBytes, mapSlotBytes } from './map-format.ts';
import { openNode } from './node.ts';
import { type CentralParts, centralParts } from './parts.ts';
import { CentralServer } from './server.ts';
import {
  type CentralConfig,
  centralLayout,
  centralParameters,
  configureCentral,
  controlRegionName,
  dataRegionName,
  mapRegionName,
} from './settings.ts';

/**
 * pDPM-Central (USENIX ATC 2020, §4.2): compute nodes send every operation to a coordinator, which
 * alone reads, writes and allocates the memory nodes' buffers, with one-sided verbs.
 */
export const system: System<CentralConfig> = assembleCentral({});

/** Central with some of its parts replaced. */
export function assembleCentral(changes: Partial<CentralParts>): System<CentralConfig> {
  const parts = { ...centralParts, ...changes };
  return {
    name: 'central',
    summary:
      'a coordinator allocates, locks and maps; clients call it, it reads and writes (pDPM-Central)',
    operations: ['insert', 'get', 'put', 'delete'],
    roundTrips:
      'get 2, put 2, insert 2, delete 2 (the call, and one wait of the coordinator), whatever the ' +
      'replication, in both durability modes; 1 where the map alone knows the answer',
    promises: promises(),
    parameters: centralParameters,
    counters: centralCounters,
    configure: configureCentral,
    layout: centralLayout,
    openNode: (site, config) => openNode(site, config, parts),
    openServer: (site, config) => CentralServer.open(site, config, parts),
    takeOver: (site, config, _role, _index, fault) =>
      CentralServer.takeOver(site, config, parts, fault),
    audit: (site, _config, image, _nodes, servers) => auditCentral(site, image, servers),
    locate,
  };
}

function promises(): SystemPromise[] {
  const order =
    'one coordinator: an operation takes effect at one moment, when it flips the map or reads it ' +
    "under the entry's lock, however long its messages and verbs take";
  const whole =
    'a record is written where nobody can reach it, complete on all copies before the map names ' +
    'it, and its buffer is used again only when no reader and no verb is on it';
  const kept =
    'a put is acknowledged after the WRITEs of all copies and the flip in persistent memory: all ' +
    'copies but one may be lost, or the map: then the newest whole record of each key is found, and ' +
    'nobody says that a key is gone before its records are';
  const flushed =
    '; each WRITE is FLUSHed before the flip, and the flip persisted before anyone sees it';
  return (['assumed', 'flush'] as const).flatMap((durability) => {
    const and = durability === 'flush' ? flushed : '';
    const holds = 'asynchronous-safe';
    return [
      { promise: 'read committed', durability, holds, because: order },
      { promise: 'linearizable', durability, holds, because: order },
      { promise: 'atomic write', durability, holds, because: whole + and },
      { promise: 'data reliability', durability, holds, because: kept + and },
    ] as const;
  });
}

function locate(site: Site, _config: CentralConfig, address: Address): string | undefined {
  const region = site.cluster
    .node(nodeOf(address))
    .regions.find((r) => address >= r.address && address < r.address + r.sizeBytes);
  if (region === undefined) return undefined;
  const offset = offsetOf(address) - offsetOf(region.address);
  switch (region.name) {
    case dataRegionName: {
      const chunk = Math.floor(offset / chunkBytes);
      const within = offset % chunkBytes;
      return within < chunkHeadBytes
        ? `class word of chunk ${chunk}`
        : `chunk ${chunk}, buffer bytes ${within - chunkHeadBytes}`;
    }
    case mapRegionName: {
      if (offset < mapHeadBytes) return 'map head';
      const slotBytes = mapSlotBytes(site.shape.replicas);
      const slot = Math.floor((offset - mapHeadBytes) / slotBytes);
      const half = (offset - mapHeadBytes) % slotBytes < slotBytes / 2 ? 0 : 1;
      return `map slot ${slot}, half ${half}`;
    }
    case controlRegionName:
      return locateControl(offset, site.cluster.withRole('memory').length);
    case mailboxRegionName:
      return `mailbox + ${offset}`;
    default:
      return undefined;
  }
}

function locateControl(offset: number, memoryNodes: number): string {
  if (offset < 8) return 'term';
  const word = Math.floor(offset / 8) - 1;
  if (word < memoryNodes) return `state of memory node ${word}`;
  const listed = Math.floor((offset - controlBytes(memoryNodes)) / 8);
  return listed < 0 ? `past term ${word - memoryNodes}` : `void buffer ${listed}`;
}
