import type { Address } from './address.ts';
import { isFull, type PeerState, ringBytes } from './mailbox-peer.ts';
import { messageHeader, type Port, ringHeadBytes } from './message.ts';
import { twoTo32 } from './word.ts';

/** Reads the node's own mailbox region; given by the fabric. Loads of a word are acquiring. */
export interface MailboxMemory {
  /** Low half of the word at `address`. */
  loadLow(address: Address): number;
  /** High half of the word at `address`. */
  loadHigh(address: Address): number;
  /** Copies `into.length` bytes out. */
  copyOut(address: Address, into: Uint8Array): void;
}

/** What a node's mailboxes consist of. */
export interface MailboxInside {
  readonly memory: MailboxMemory;
  readonly peers: readonly PeerState[];
  readonly ports: readonly Port[];
}

/** Of our messages, how many the peer says in its credit word that it has consumed. */
export function creditsIn(memory: MailboxMemory, { peer: { inbound } }: PeerState): number {
  return memory.loadLow(inbound) + memory.loadHigh(inbound) * twoTo32;
}

/**
 * The credit word holds the whole count, not its low half: it can be as old as the ring, and a
 * count of 2^32 messages ago must not pass for a new one. Its low half is loaded first. If the
 * word changes in between, the count read is the old one, or (where the high half grew) more than
 * was ever sent, and is not believed.
 */
export function learnFromCredit(memory: MailboxMemory, state: PeerState): void {
  const consumed = creditsIn(memory, state);
  if (consumed > state.acknowledged && consumed <= state.sent) state.acknowledged = consumed;
}

/** Which peers would make a sender wait, give up, or send again: all that a sender sees of its rings. */
export function roomIn({ peers }: MailboxInside): readonly number[] {
  return peers.map((state) => 4 * state.starts + 2 * Number(isFull(state)) + Number(state.isLost));
}

/**
 * What a node knows of its rings, but for where in them it is: that they turn is no difference. Then the
 * messages that nobody has taken from their ports.
 */
export function* mailboxState({ memory, peers, ports }: MailboxInside): Generator<unknown> {
  for (const state of peers) {
    const { sent, acknowledged, received, told, crediting, isLost } = state;
    const ahead = Math.max(0, creditsIn(memory, state) - acknowledged);
    yield [sent - acknowledged, received - told, crediting, isLost, ahead];
    yield earlyIn(memory, state);
  }
  for (const { id, queue } of ports) {
    for (const { connection, replyPort, request, flags, body } of queue) {
      const from = peers.indexOf(connection as PeerState);
      yield [id, from, replyPort, request, flags, body];
    }
  }
  yield ports.length;
}

/** Messages that have landed before one which comes first, by how far they are ahead of it. */
function earlyIn(memory: MailboxMemory, state: PeerState): readonly unknown[] {
  const { inbound, shape } = state.peer;
  const early: unknown[] = [];
  for (let ahead = 1; ahead < shape.slots; ahead++) {
    const slot = (state.receiveSlot + ahead) % shape.slots;
    const at = inbound + ringHeadBytes + slot * shape.slotBytes;
    if (memory.loadLow(at) !== (state.received + 1 + ahead) >>> 0) continue;
    early.push(ahead, ...meaningOf(memory, state, at, memory.loadHigh(at)));
  }
  return early;
}

/**
 * What a message, or a word of credit, that is about to land at `address` in this node's region will mean
 * here, but for where in the ring it comes to lie. `low` and `high` are the word that completes it.
 */
export function incoming(
  { memory, peers }: MailboxInside,
  address: Address,
  low: number,
  high: number,
): readonly unknown[] {
  const state = peers.find(
    ({ peer: { inbound, shape } }) => address >= inbound && address < inbound + ringBytes(shape),
  );
  if (state === undefined) return [];
  const { node, inbound } = state.peer;
  if (address === inbound) return [node, low + high * twoTo32 - state.acknowledged];
  return [node, (low - state.received) >>> 0, ...meaningOf(memory, state, address, high)];
}

function meaningOf(
  memory: MailboxMemory,
  state: PeerState,
  at: Address,
  lengthBytes: number,
): readonly unknown[] {
  const bytes = new Uint8Array(messageHeader.sizeBytes + lengthBytes);
  memory.copyOut(at + 8, bytes);
  const { port, replyPort, request, flags, consumed } = messageHeader.field;
  const learnt = (consumed.get(bytes, 0) - state.acknowledged) >>> 0;
  return [
    ...[port, replyPort, request, flags].map((field) => field.get(bytes, 0)),
    learnt <= state.sent - state.acknowledged ? learnt : 0,
    bytes.subarray(messageHeader.sizeBytes),
  ];
}
