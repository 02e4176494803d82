import type { FaultKind, FaultMenuEntry } from '../../../sim/explore/index.ts';
import { type Program, sleep, VerbError } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import { didYouMean } from '../../core/nearest.ts';
import type { ClusterMap, Role } from '../../memory/cluster.ts';
import type { Fault } from '../../systems/recovery.ts';
import type { SystemNode, SystemServer } from '../../systems/system.ts';
import { isSurvivable } from '../driver/perform.ts';
import { isLasting } from '../engine/fault-book.ts';
import type { Session } from './session.ts';

const retryNs = 20_000;

/** Roles of the nodes that a fault can befall; of those, the first is meant where no node is named. */
const rolesOf: Readonly<Record<Exclude<FaultKind, 'pause'>, readonly Role[]>> = {
  crash: ['compute', 'coordinator', 'metadata'],
  restart: ['memory', 'coordinator', 'metadata'],
  lose: ['memory'],
  cut: ['compute', 'coordinator', 'metadata'],
};

/** Whom a fault of a scenario may befall; FARSIDE_USAGE where it names a node that it cannot. */
export function victimsOf(
  cluster: ClusterMap,
  kind: Exclude<FaultKind, 'pause'>,
  name: string | undefined,
): number[] {
  const roles = rolesOf[kind];
  const [usual] = roles;
  if (name === undefined) return cluster.withRole(usual as Role).map(({ id }) => id);
  const able = cluster.nodes.filter(({ role }) => roles.includes(role));
  const victim = able.find((node) => node.name === name);
  if (victim !== undefined) return [victim.id];
  const names = able.map((node) => node.name);
  throw new FarsideError(
    'FARSIDE_USAGE',
    `--faults ${kind}@${name}: no such node can ${verbs[kind]}${didYouMean(name, names)} ` +
      `(there are ${names.join(', ')})`,
  );
}

const verbs = { crash: 'crash', restart: 'restart', lose: 'be lost', cut: 'be cut off' } as const;

/** What whoever watches the cluster does when something fails: tells the survivors. */
export function tellOfFault(session: Session, { kind, node }: FaultMenuEntry): void {
  const { world, stage } = session;
  if (!stage.scenario.recovery) {
    if (kind !== 'pause' && kind !== 'cut') session.unrepaired++;
    return;
  }
  switch (kind) {
    case 'pause':
    case 'cut':
      return;
    case 'restart':
      if (stage.cluster.node(node).role === 'memory') {
        repair(session, {
          kind: 'memoryRestarted',
          node,
          start: world.incarnations[node] as number,
        });
      } else replaceServer(session, node, node);
      return;
    case 'lose': {
      const spare = holdsPlace(session, node) ? freeSpare(session) : undefined;
      repair(session, { kind: 'memoryLost', node, spare });
      return;
    }
    case 'crash':
      if (stage.cluster.node(node).role === 'compute') {
        repair(session, { kind: 'computeLost', node, incarnation: world.node(node).incarnation });
      } else {
        const standbys = stage.cluster.withRole('standby');
        const free = standbys.find(({ id }) => session.servers[id] === undefined);
        replaceServer(session, node, free?.id ?? node);
      }
  }
}

/** False of a spare that has taken nobody's place: nobody has to take its own. */
function holdsPlace({ stage, lasting }: Session, node: number): boolean {
  const index = stage.cluster.withRole('memory').findIndex(({ id }) => id === node);
  if (index < stage.scenario.memoryNodes) return true;
  return lasting.some((fault) => fault.kind === 'memoryLost' && fault.spare === node);
}

/** A spare that lives, and has taken nobody's place: the lost node may have been a spare itself. */
function freeSpare({ world, stage, lasting }: Session): number | undefined {
  const spares = stage.cluster.withRole('memory').slice(stage.scenario.memoryNodes);
  const isTaken = (id: number): boolean =>
    lasting.some((fault) => fault.kind === 'memoryLost' && fault.spare === id);
  return spares.find(({ id }) => world.down[id] !== true && !isTaken(id))?.id;
}

/**
 * Survivors repair what a compute node left, as many as the scenario says, those without clients first; all
 * of them what a memory node lost; and every server is told. Where nobody can, the run goes on without: then
 * only safety among the survivors is checked.
 */
function repair(session: Session, fault: Fault): void {
  const { world, stage, systemNodes, servers } = session;
  if (isLasting(fault, true)) session.lasting.push(fault);
  const isCompute = fault.kind === 'computeLost';
  let told = 0;
  const tell = (id: number, who: SystemNode | SystemServer | undefined, isLater = false): void => {
    if (who?.recover === undefined || !world.node(id).up) return;
    told++;
    world.start(id, session.label(id, 'recovery'), recovery(session, id, who, fault, isLater));
  };
  // Of a memory node that is new or gone, every compute node has to know.
  const { survivors } = session;
  const idle = survivors.filter((id) => !session.hasClient(id));
  const all = [...idle, ...survivors.filter((id) => session.hasClient(id))];
  const { recoverers, faults } = stage.scenario;
  const atOnce = isCompute ? all.slice(0, recoverers) : all;
  for (const id of atOnce) tell(id, systemNodes[id]);
  for (const [id, server] of servers.entries()) tell(id, server);
  // Whoever waits for all to turn to a spare waits for the lost one, too, until told of it; runs tell all.
  const later = faults.some(({ kind }) => kind === 'lose') ? all.slice(atOnce.length) : [];
  for (const id of later) tell(id, systemNodes[id], true);
  if (told === 0) session.unrepaired++;
}

/**
 * One that meets another fault begins again after a pause: where a verb was lost as a new program with queue
 * pairs of its own, else as it is, so that it counts as one that spins while nothing changes.
 */
function* recovery(
  session: Session,
  id: number,
  who: SystemNode | SystemServer,
  fault: Fault,
  isLater = false,
): Program<void> {
  for (let pauses = isLater; ; pauses = true) {
    if (pauses) yield* sleep(retryNs);
    try {
      if (who.recover !== undefined) yield* who.recover(fault);
      session.restFromStep = session.world.steps;
      return;
    } catch (error) {
      if (!isSurvivable(error)) throw error;
      if (!(error instanceof VerbError)) continue;
      const again = recovery(session, id, who, fault, true);
      session.world.start(id, session.label(id, 'recovery'), again);
      return;
    }
  }
}

/** A standby takes over, or the same node after a restart; every compute node and server is told which. */
function replaceServer(session: Session, node: number, successor: number): void {
  const { world, stage, systemNodes, servers } = session;
  const { incarnation } = world.node(node);
  const { system, config, cluster } = stage;
  if (system.takeOver === undefined) {
    session.unrepaired++;
    return;
  }
  const { role } = cluster.node(node);
  const index = cluster.withRole(role).findIndex(({ id }) => id === node);
  // A standby has been up all the time; a server that crashed starts anew.
  if (!world.node(successor).up) world.openNode(successor);
  const fault: Fault = { kind: 'serverLost', node, incarnation, successor };
  const server = system.takeOver(session.siteOf(successor), config, role, index, fault);
  session.startServer(successor, server);
  // Its predecessor may not have lived to write them down: it would wait for a lost memory node for ever.
  for (const lasting of session.lasting) {
    world.start(
      successor,
      session.label(successor, 'recovery'),
      recovery(session, successor, server, lasting),
    );
  }
  if (isLasting(fault, true)) session.lasting.push(fault);
  const others = [...servers.entries()].filter(([id]) => id !== successor);
  for (const [id, opened] of [...systemNodes.entries(), ...others]) {
    if (opened?.recover === undefined || !world.node(id).up) continue;
    world.start(id, session.label(id, 'recovery'), recovery(session, id, opened, fault));
  }
}
