import { FarsideError } from '../../core/errors.ts';
import type { System } from '../system.ts';
import { Auditor } from './audit.ts';
import { configureDirect, type DirectConfig, directParameters } from './config.ts';
import { directCounters } from './counters.ts';
import { geometryOf } from './geometry.ts';
import { locateAddress } from './locate.ts';
import { DirectNode } from './node.ts';
import { directPromises } from './promises.ts';
import { regionsOf, sizingOf } from './sizing.ts';

/** pDPM-Direct: compute nodes do everything; memory nodes hold bytes; there is no server. */
export const direct: System<DirectConfig> = {
  name: 'direct',
  summary: 'compute nodes lock, log and write in place with one-sided verbs; no server',
  operations: ['insert', 'get', 'put', 'delete'],
  roundTrips: 'get 1, put 4, with replication too',
  promises: directPromises,
  parameters: directParameters,
  counters: directCounters,
  // Places are fixed: nothing but a spare in its place can hold what it held.
  withoutSpare:
    'gets of keys whose place is cached go to other copies, and all else waits until it gives up',
  configure: configureDirect,
  layout: (shape) => ({
    memoryRegions: regionsOf(shape, sizingOf(shape)),
    servers: [],
    messageBytesMax: 0,
    messageSlots: 1,
  }),
  openNode: (site, config) => new DirectNode(site, config),
  audit: (site, _config, image, nodes) => {
    const node = nodes.find((one): one is DirectNode => one instanceof DirectNode);
    const geometry = node?.geometry ?? geometryOf(site.cluster, site.shape);
    return new Auditor(geometry, image, nodes).audit();
  },
  locate: (site, _config, address) => locateAddress(site, address),
  openServer: () => {
    throw new FarsideError('FARSIDE_INTERNAL', 'direct has no servers');
  },
};

export { direct as system };
