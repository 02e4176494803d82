import { boundaryNs } from '../../../sim/explore/index.ts';
import { nodeOf, offsetOf } from '../../core/address.ts';
import { type Program, sleep } from '../../core/effect.ts';
import type { Audit } from '../../systems/recovery.ts';
import type { SystemNode, SystemServer } from '../../systems/system.ts';
import { type Judgement, judge } from './judge.ts';
import type { Session } from './session.ts';

/** What a whole schedule came to. */
export interface Outcome {
  readonly judgement: Judgement;
  /** What the system counted, on all its nodes, and what the world did. */
  readonly events: Readonly<Record<string, number>>;
  readonly steps: number;
}

/**
 * Ends a run in which nothing is left to choose: reads every key back on every surviving compute node,
 * lets the system audit itself, and judges.
 */
export function finish(session: Session): Outcome {
  const { world } = session;
  const { steps } = world;
  const events = eventsOf(session);
  if (world.failure !== undefined) return { judgement: judge(session), events, steps };
  const stuck = world.foreground > 0 ? noProgress(session) : undefined;
  // A lock that nobody was told to break holds up its readers for ever: that is not theirs to answer for.
  if (stuck === undefined || session.unrepaired === 0) {
    if (stuck !== undefined) return { judgement: stuck, events, steps };
    readBack(session);
  }
  const judgement = judge(session);
  if (judgement.kind !== 'kept') return { judgement, events, steps };
  return { judgement: audit(session) ?? judgement, events, steps };
}

function noProgress({ world }: Session): Judgement {
  const waiting = world.tasks.filter((task) => !task.daemon);
  const names = waiting.map((task) => `${task.name} ${task.blocked ? 'spins' : 'waits'}`);
  return {
    kind: 'liveness',
    promise: 'progress',
    explanation: `nobody can go on: ${names.join(', ')}`,
    step: world.steps,
  };
}

/** Programs that cannot end, because of what nobody repaired, are left where they are. */
function readBack(session: Session): void {
  const { world, stage } = session;
  for (const entry of world.menu) entry.budget.left = 0;
  if (!session.runQuietly(() => world.foreground === 0)) return;
  for (const id of session.survivors) {
    world.start(id, session.label(id, 'reader'), readAll(session, id));
    if (!session.runQuietly(() => world.foreground === 0)) break;
  }
  if (world.foreground > 0 && session.unrepaired === 0 && world.failure === undefined) {
    session.defects.push({
      promise: 'progress',
      explanation: `after all clients had ended, a get of ${stage.keys[0]?.text ?? 'a key'} never does`,
      step: world.steps,
    });
  }
}

function* readAll(session: Session, id: number): Program<void> {
  const client = session.clientOn(id);
  for (const i of session.stage.keys.keys()) {
    // Gets of three keys that are not there look like one program that spins.
    yield* sleep(boundaryNs);
    yield* session.operate(client, -1 - id, 'get', i, i);
  }
}

function audit(session: Session): Judgement | undefined {
  const { system, config, memory } = session.stage;
  const [first] = session.survivors;
  if (system.audit === undefined || first === undefined || session.unrepaired > 0) return undefined;
  const { world } = session;
  session.settle();
  if (world.failure !== undefined) return judge(session);
  const image = {
    read: (address: number, into: Uint8Array): void => {
      const at = offsetOf(address);
      into.set(memory.node(nodeOf(address)).subarray(at, at + into.length));
    },
    isUp: (node: number): boolean => world.down[node] !== true,
  };
  const up = <T>(all: readonly (T | undefined)[]): T[] =>
    all.filter((each, id): each is T => each !== undefined && world.node(id).up);
  const nodes = up<SystemNode>(session.systemNodes);
  const servers = up<SystemServer>(session.servers);
  return complaint(system.audit(session.siteOf(first), config, image, nodes, servers), world.steps);
}

function complaint({ violations, leaked, doubled }: Audit, step: number): Judgement | undefined {
  const [violation] = violations;
  if (violation !== undefined) {
    return { kind: 'safety', promise: 'own invariants', explanation: violation, step };
  }
  if (leaked.length === 0 && doubled.length === 0) return undefined;
  return {
    kind: 'safety',
    promise: 'conservation of space',
    explanation: `${leaked.length} buffers are neither in use nor free, ${doubled.length} are both`,
    step,
  };
}

function eventsOf({ systemNodes, servers, world }: Session): Record<string, number> {
  const sum: Record<string, number> = { ...world.events };
  for (const each of [...systemNodes, ...servers]) {
    for (const [name, count] of Object.entries(each?.statistics.events ?? {})) {
      sum[name] = (sum[name] ?? 0) + count;
    }
  }
  return sum;
}
