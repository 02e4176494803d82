import { align8 } from './address.ts';
import { type Message, messageHeader } from './message.ts';

/**
 * A received message in memory of its own, header and body: what a `MailboxHub` delivers.
 * Allocating the bytes costs many times their copy, so messages that are given back are used again.
 */
export class ReceivedMessage implements Message {
  readonly storage: Uint8Array;
  /** Header and padded body: as long as what lies in the ring. */
  bytes: Uint8Array;
  body: Uint8Array;
  from = 0;
  connection: unknown = undefined;
  replyPort = 0;
  request = 0;
  operation = 0;
  roundTrips = 0;
  flags = 0;
  verbs = 0;
  doorbells = 0;
  bytesOut = 0;
  bytesIn = 0;
  pooled = false;

  constructor(storageBytes: number) {
    this.storage = new Uint8Array(storageBytes);
    this.bytes = this.storage.subarray(0, 0);
    this.body = this.bytes;
  }

  resize(bodyBytes: number): void {
    if (this.body.length === bodyBytes) return;
    const start = messageHeader.sizeBytes;
    this.bytes = this.storage.subarray(0, start + align8(bodyBytes));
    this.body = this.storage.subarray(start, start + bodyBytes);
  }

  /** Takes the fields out of the header in `bytes`. */
  open(): void {
    const { bytes } = this;
    const f = messageHeader.field;
    this.replyPort = f.replyPort.get(bytes, 0);
    this.request = f.request.get(bytes, 0);
    this.operation = f.operation.get(bytes, 0);
    this.roundTrips = f.roundTrips.get(bytes, 0);
    this.flags = f.flags.get(bytes, 0);
    this.verbs = f.verbs.get(bytes, 0);
    this.doorbells = f.doorbells.get(bytes, 0);
    this.bytesOut = f.bytesOut.get(bytes, 0);
    this.bytesIn = f.bytesIn.get(bytes, 0);
  }
}

const smallestBytes = 64;
const keptPerSizeMax = 256;

/** Messages given back, by the power of two that their storage is. */
export class MessagePool {
  readonly #free: ReceivedMessage[][] = [];

  /** A message of that length, with whatever bytes it had before. */
  take(from: number, bodyBytes: number): ReceivedMessage {
    const storageBytes = Math.max(smallestBytes, messageHeader.sizeBytes + align8(bodyBytes));
    const size = 32 - Math.clz32(storageBytes - 1);
    const message = this.#free[size]?.pop() ?? new ReceivedMessage(2 ** size);
    message.pooled = false;
    message.from = from;
    message.resize(bodyBytes);
    return message;
  }

  give(message: Message): void {
    if (!(message instanceof ReceivedMessage) || message.pooled) return;
    const size = 31 - Math.clz32(message.storage.length);
    const free = (this.#free[size] ??= []);
    if (free.length >= keptPerSizeMax) return;
    message.pooled = true;
    free.push(message);
  }
}
