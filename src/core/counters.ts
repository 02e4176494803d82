/**
 * What the interpreter counts for one program. A driver resets the foreground counters before an
 * operation and reads them after it; nothing is ever estimated.
 *
 * Bytes are payload, seen from the node that issues the verb: `bytesOut` is what WRITEs and atomics
 * carry away (8 for an operand), `bytesIn` what READs and atomics bring. What a server spends on an
 * operation in its foreground returns to the caller in the reply's header and is added here.
 */
export class Counters {
  /**
   * Round trips: the longest chain of dependent waits on verbs or messages so far. A verb posted at
   * depth d is awaited at depth d + 1; verbs awaited together share a round trip.
   */
  roundTrips = 0;
  verbs = 0;
  doorbells = 0;
  bytesOut = 0;
  bytesIn = 0;
  /** The operation this program works for: carried by its messages. 0 is background. */
  operation = 0;

  /** Starts a new operation. */
  reset(operation = 0): void {
    this.roundTrips = 0;
    this.verbs = 0;
    this.doorbells = 0;
    this.bytesOut = 0;
    this.bytesIn = 0;
    this.operation = operation;
  }

  /** Adds volumes (not round trips) of another program's work. */
  add(other: Pick<Counters, 'verbs' | 'doorbells' | 'bytesOut' | 'bytesIn'>): void {
    this.verbs += other.verbs;
    this.doorbells += other.doorbells;
    this.bytesOut += other.bytesOut;
    this.bytesIn += other.bytesIn;
  }
}
