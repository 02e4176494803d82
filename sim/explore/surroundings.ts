import { looksMax } from './again.ts';
import { choiceKind, kindOf, optionOf } from './choice.ts';
import { Digest } from './digest.ts';
import type { Flight } from './flight.ts';
import type { WorldNode } from './node.ts';
import { addReliance, type KeyParts } from './state-key.ts';
import type { Task } from './task.ts';
import type { World } from './world.ts';

/** A verb of more words than that is not looked at word by word. */
const wordsMax = 64;

/** What a step can see, of one state. */
export interface Surroundings {
  readonly digest: Digest;
  /** And of what has begun and ended before: for steps that begin or end an operation. */
  readonly withHistory: Digest;
  /** Bit set of the nodes that may go on in it. */
  readonly nodes: number;
}

/**
 * All that decides what a step does: of two states that agree in it, the step changes the same, and their
 * keys differ by the same afterwards. Undefined where a step may look further than that: a fault, an atomic
 * that swallows racing WRITEs, a node that spins on a word which may be about to change.
 *
 * A step is a verb that acts, or a program that goes on, and whoever goes on because of it. It sees
 *
 * - the words of the verb;
 * - of the node that posted it, and of one that it is a message to: what its programs remember, its rings,
 *   its own memory, and what is in flight from it, on its queue pairs, or to its mailbox;
 * - how much of what such a node has taken from others these have heard, which is in the next message's head;
 * - which verbs are over that others count on, in bounded timing;
 * - what has failed and started anew, who is fenced, the clock, and how many timers may be early;
 * - how many programs the run waits for: whoever is the last to end commutes with nothing. (With a step that
 *   ended another one's place in it, a sibling of this step would be taken to have been tried behind it, when
 *   behind it the run was over.)
 *
 * That no other node went on is for the step to show (`KnownSteps.note`).
 */
export function surroundingsOf(
  world: World,
  choice: number,
  parts: KeyParts,
): Surroundings | undefined {
  const kind = kindOf(choice);
  if (kind === choiceKind.fault || kind === choiceKind.again || world.looksLeft < looksMax)
    return undefined;
  // Whether a timer is early is decided by all that could happen.
  if (kind === choiceKind.wake && world.earlyTimersLeft < Number.POSITIVE_INFINITY)
    return undefined;
  const flight = kind === choiceKind.act ? world.flightOf(choice) : undefined;
  if (flight !== undefined && !isSmall(flight, optionOf(choice))) return undefined;
  const nodes = nodesOf(world, flight?.task.node ?? world.taskOf(choice).node, flight);
  // A step could end what others wait for that have spun.
  if (world.tasks.some((task) => isWatching(task) && !nodes.includes(task.node))) return undefined;
  const digest = new Digest();
  digest.chain(choice | 0, (choice / 2 ** 32) | 0);
  chainWorld(world, parts, digest);
  if (flight !== undefined) chainVerb(world, flight, parts, digest);
  for (const node of nodes) chainNode(world, node, parts, digest);
  const withHistory = digest.clone();
  withHistory.chain(world.history.a, world.history.b);
  return { digest, withHistory, nodes: nodes.reduce((bits, { id }) => bits | (1 << id), 0) };
}

function isWatching({ blocked, spin }: Task): boolean {
  return blocked && spin.watched.length > 0;
}

function chainWorld(world: World, { fences }: KeyParts, into: Digest): void {
  into.chain(world.faults.a, world.faults.b);
  into.chain(fences.a, fences.b);
  for (const [id, incarnation] of world.incarnations.entries()) {
    into.chain(incarnation, world.down[id] === true ? 1 : 0);
  }
  into.chain(world.clockRead ? 1 : 0, world.nowNs);
  // Where no timer may be early any more, nobody relies on verbs.
  into.chain(world.foreground, Math.min(world.earlyTimersLeft, 255));
}

function isSmall(flight: Flight, option: number): boolean {
  return flight.to - flight.from < wordsMax && !(flight.isAtomic && option !== 0);
}

/** Who may go on: the programs of a node that lives. */
function nodesOf(
  { nodes }: World,
  own: WorldNode,
  flight: Flight | undefined,
): readonly WorldNode[] {
  const target = flight === undefined ? undefined : nodes[flight.node];
  return [own, ...(target === undefined || target === own ? [] : [target])].filter(({ up }) => up);
}

function chainVerb(world: World, flight: Flight, parts: KeyParts, into: Digest): void {
  const { memory } = world;
  if (!memory.isMailbox(flight.node, flight.from)) {
    for (let word = flight.from; word <= flight.to; word++)
      memory.chainWord(flight.node, word, into);
  }
  chainOf(parts.pairs.get(flight.pair), into);
  const relied = new Digest();
  for (const task of world.tasks) addReliance(world, task, relied, flight);
  chainOf(relied, into);
}

function chainNode(world: World, node: WorldNode, parts: KeyParts, into: Digest): void {
  into.chain(node.id, node.incarnation);
  chainOf(parts.nodes[node.id], into);
  chainOf(world.memory.digestOf(node.id), into);
  for (const pair of world.pairs) {
    const digest = parts.pairs.get(pair);
    const isNear = pair.incarnation === node.incarnation || pair.node === node.id;
    if (digest === undefined || !isNear) continue;
    into.chain(pair.owner, pair.node);
    chainOf(digest, into);
  }
  const relied = new Digest();
  for (const task of node.tasks) {
    addReliance(world, task, relied);
    // For the key, who polls stands where it stood; but another one's step makes it look again.
    into.chain(task.idleRounds, task.blocked ? 1 : 0);
  }
  chainOf(relied, into);
  for (const { peer, received } of node.hub.inside.peers) {
    const theirs = world.nodes[peer.node]?.hub.inside.peers.find(
      (state) => state.peer.node === node.id,
    );
    into.chain(peer.node, theirs === undefined ? -1 : received - theirs.acknowledged);
  }
}

function chainOf(digest: Digest | undefined, into: Digest): void {
  into.chain(digest?.a ?? 0, digest?.b ?? 0);
}
