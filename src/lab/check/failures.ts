import type { FaultMenuEntry } from '../../../sim/explore/index.ts';
import type { Program } from '../../core/effect.ts';
import type { Fault } from '../../systems/recovery.ts';
import type { SystemNode, SystemServer } from '../../systems/system.ts';
import type { Session } from './session.ts';

/** What whoever watches the cluster does when something fails: tells the survivors. */
export function tellOfFault(session: Session, { kind, node }: FaultMenuEntry): void {
  const { world, stage } = session;
  if (!stage.scenario.recovery) {
    if (kind !== 'pause') session.unrepaired++;
    return;
  }
  switch (kind) {
    case 'pause':
      return;
    case 'restart':
      repair(session, { kind: 'memoryRestarted', node });
      return;
    case 'lose': {
      const spare = stage.cluster.withRole('memory')[stage.scenario.memoryNodes]?.id;
      repair(session, { kind: 'memoryLost', node, spare });
      return;
    }
    case 'crash': {
      const { incarnation } = world.node(node);
      if (stage.cluster.node(node).role === 'compute') {
        repair(session, { kind: 'computeLost', node, incarnation });
      } else replaceServer(session, node, incarnation);
    }
  }
}

/**
 * One survivor, rather one without clients, repairs what a compute node left, all of them what a memory node lost, and every server
 * is told. Where nobody can, the run goes on without: then only
 * safety among the survivors is checked.
 */
function repair(session: Session, fault: Fault): void {
  const { world, systemNodes, servers } = session;
  const isCompute = fault.kind === 'computeLost';
  let told = 0;
  const tell = (id: number, who: SystemNode | SystemServer | undefined): void => {
    if (who?.recover === undefined || !world.node(id).up) return;
    told++;
    world.start(id, session.label(id, 'recovery'), recovery(who, fault));
  };
  // Of a memory node that is new or gone, every compute node has to know.
  const { survivors } = session;
  const idle = survivors.filter((id) => !session.hasClient(id));
  const nodes = isCompute ? [...idle, ...survivors].slice(0, 1) : survivors;
  for (const id of nodes) tell(id, systemNodes[id]);
  for (const [id, server] of servers.entries()) tell(id, server);
  if (told === 0) session.unrepaired++;
}

function* recovery(who: SystemNode | SystemServer, fault: Fault): Program<void> {
  if (who.recover !== undefined) yield* who.recover(fault);
}

/** A standby takes over, or the same node after a restart; every compute node is told which. */
function replaceServer(session: Session, node: number, incarnation: number): void {
  const { world, stage, systemNodes } = session;
  const { system, config, cluster } = stage;
  if (system.takeOver === undefined) {
    session.unrepaired++;
    return;
  }
  const { role } = cluster.node(node);
  const index = cluster.withRole(role).findIndex(({ id }) => id === node);
  const free = cluster.withRole('standby').find(({ id }) => session.servers[id] === undefined);
  const successor = free?.id ?? node;
  // A standby has been up all the time; a server that crashed starts anew.
  if (!world.node(successor).up) world.openNode(successor);
  const fault: Fault = { kind: 'serverLost', node, incarnation, successor };
  session.startServer(
    successor,
    system.takeOver(session.siteOf(successor), config, role, index, fault),
  );
  for (const [id, opened] of systemNodes.entries()) {
    if (opened?.recover === undefined || !world.node(id).up) continue;
    world.start(id, session.label(id, 'recovery'), recovery(opened, fault));
  }
}
