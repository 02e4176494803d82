import type { System } from '../system.ts';
import { auditClover } from './audit.ts';
import { type CloverConfig, cloverParameters, configureClover } from './config.ts';
import { cloverCounters } from './counters.ts';
import { bufferRegion, CloverLayout, shortcutRegion } from './layout.ts';
import { messageBytesMax } from './messages.ts';
import { HeadTable } from './metadata/head-table.ts';
import { MetadataServer } from './metadata/server.ts';
import { CloverNode } from './node.ts';
import { planPools } from './pools.ts';
import { cloverPromises } from './promises.ts';

/**
 * Clover (Tsai, Shan, Zhang, USENIX ATC 2020, §4.3 and §5): data in passive memory nodes, metadata in
 * servers that are on no path of a get or a put.
 *
 * Every put writes a new buffer and links it behind the key's newest version with one CAS; a compute
 * node remembers where it saw the newest version last (cursor) and walks on from there. Read in this
 * order: pointer.ts (the word that links), layout.ts (where things lie), timing.ts (why a READ without
 * a checksum is safe), client.ts and walker.ts (get), writer.ts and replicated-put.ts (put),
 * retire-queue.ts and metadata/ (what happens behind them).
 */
export const system: System<CloverConfig> = {
  name: 'clover',
  summary:
    'version chains on passive memory, cursors on compute nodes, metadata servers off the path',
  operations: ['insert', 'get', 'put', 'delete'],
  roundTrips: 'get 1, put 2 (replicated 3), insert 3, delete 3 (replicated 4)',
  promises: cloverPromises('timing'),
  promisesOf: ({ reuse }) => cloverPromises(reuse),
  parameters: cloverParameters,
  counters: cloverCounters,
  configure: configureClover,
  layout(shape, config) {
    const plan = planPools(shape, config);
    const { medium } = shape;
    return {
      memoryRegions: [
        { name: shortcutRegion, medium, sizeBytes: plan.rooms * plan.shortcutBytes },
        { name: bufferRegion, medium, sizeBytes: plan.rooms * plan.bufferBytesOfRoom },
      ],
      servers: Array.from({ length: config.metadataServers }, (_, i) => ({
        name: `ms${i}`,
        role: 'metadata' as const,
        cores: config.handlers + 1,
        regions: [HeadTable.region(shape, config)],
      })),
      messageBytesMax: messageBytesMax(shape),
      // Every client may have a call under way, and the background a few.
      messageSlots: shape.clientsPerNode * shape.outstanding + 16,
    };
  },
  openNode: (site, config) => new CloverNode(site, config),
  openServer: (site, config, _role, index) => new MetadataServer(site, config, index),
  takeOver: (site, config, _role, index, fault) => new MetadataServer(site, config, index, fault),
  audit: (site, config, image, nodes, servers) =>
    auditClover(
      site,
      config,
      image,
      nodes as readonly CloverNode[],
      servers as readonly MetadataServer[],
    ),
  locate: (site, config, address) =>
    new CloverLayout(site.cluster, site.shape, config).locate(address),
};
