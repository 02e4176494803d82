import type { Program } from '../../core/effect.ts';
import { type Fault, nothingRecovered, type RecoveryReport } from '../recovery.ts';
import { LateStatistics } from '../statistics.ts';
import type { Site, SystemNode } from '../system.ts';
import type { CentralClient } from './client.ts';
import { CoordinatorAddress } from './coordinator-address.ts';
import type { CentralParts } from './parts.ts';
import { type CentralConfig, coordinatorNodes } from './settings.ts';

/** One compute node: its clients share what they know of who coordinates, and nothing else. */
export function openNode(site: Site, config: CentralConfig, parts: CentralParts): SystemNode {
  const coordinator = new CoordinatorAddress(coordinatorNodes(site.cluster), config.handlers);
  const clients: CentralClient[] = [];
  return {
    openClient() {
      const { length } = clients;
      clients.push(new parts.CentralClient(site.context, coordinator, config, site.shape, length));
      return clients[length] as CentralClient;
    },
    remembers: () => ({ coordinator, clients }),
    background: [],
    statistics: new LateStatistics({
      events() {
        const { repeated, abandoned } = coordinator;
        return { callsRepeated: repeated, callsAbandoned: abandoned };
      },
      metadataBytes: () => 0,
    }),
    recover: (fault) => recover(coordinator, fault),
  };
}

/** A client has nothing to repair. Of a new coordinator it learns so at once, not by time-outs. */
function* recover(coordinator: CoordinatorAddress, fault: Fault): Program<RecoveryReport> {
  if (fault.kind === 'serverLost' && fault.successor !== undefined) {
    coordinator.moveTo(fault.successor);
  }
  return nothingRecovered;
}
