import { type ComputeKind, type LocalAccess, type Receive, verbOp } from '../src/core/effect.ts';
import { messageFlags } from '../src/core/message.ts';
import { storeHalf } from '../src/core/word.ts';
import type { Flight } from './flight.ts';
import type { Task } from './task.ts';
import type { TraceOrigin, TraceSink } from './trace.ts';

/** What is remembered of a traced verb from its post to its completion. */
export interface TraceNote {
  readonly origin: TraceOrigin;
  readonly awaited: boolean;
  before: Uint8Array | undefined;
  after: Uint8Array | undefined;
}

const localNames = ['read', 'write', 'cas', 'persist'] as const;

/** Turns what happens into trace events; exists only where somebody listens. */
export class Tracer {
  readonly #sink: TraceSink;

  constructor(sink: TraceSink) {
    this.#sink = sink;
  }

  posted(flight: Flight, task: Task): void {
    flight.unusual = true;
    flight.note = {
      origin: originOf(task),
      awaited: flight.awaitedBy !== undefined,
      before: undefined,
      after: undefined,
    };
  }

  /** Just before a verb that changes memory acts. */
  acts(flight: Flight): void {
    const note = flight.note as TraceNote;
    note.before = look(flight);
    if (flight.op === verbOp.write) note.after = flight.buffer?.slice() ?? operand(flight);
    if (flight.op === verbOp.atomicWrite) note.after = operand(flight);
  }

  /** Just after an atomic has acted. */
  acted(flight: Flight): void {
    (flight.note as TraceNote).after = look(flight);
  }

  completed(flight: Flight): void {
    const note = flight.note as TraceNote;
    const { verb } = flight;
    if (flight.op === verbOp.read) note.after = verb.buffer?.slice() ?? word(verb.low, verb.high);
    this.#sink.verb({
      ...note.origin,
      target: flight.target.id,
      op: flight.op,
      address: flight.address,
      lengthBytes: flight.lengthBytes,
      postNs: flight.postPs / 1000,
      actNs: flight.actPs / 1000,
      completeNs: flight.completePs / 1000,
      status: flight.status,
      depth: verb.depth,
      awaited: note.awaited,
      before: note.before,
      after: note.after,
    });
  }

  received(task: Task, { message, port }: Receive, nowPs: number): void {
    if (message === undefined) return;
    this.#sink.message({
      ...originOf(task),
      operation: message.operation,
      from: message.from,
      port: port.id,
      reply: (message.flags & messageFlags.reply) !== 0,
      bodyBytes: message.body.length,
      receiveNs: nowPs / 1000,
    });
  }

  local(task: Task, access: LocalAccess<unknown>, startPs: number, endPs: number): void {
    this.#sink.local({
      ...originOf(task),
      access: localNames[access.op],
      address: access.address,
      lengthBytes: access.lengthBytes,
      startNs: startPs / 1000,
      endNs: endPs / 1000,
    });
  }

  computed(task: Task, work: ComputeKind, units: number, startPs: number, endPs: number): void {
    const times = { startNs: startPs / 1000, endNs: endPs / 1000 };
    this.#sink.compute({ ...originOf(task), work, units, ...times });
  }
}

function originOf(task: Task): TraceOrigin {
  return {
    node: task.root.node,
    label: task.label,
    root: task.root.id,
    background: task.background,
    operation: task.counters.operation,
  };
}

function look({ target, offset, lengthBytes }: Flight): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  target.memory.visible.read(offset, bytes);
  return bytes;
}

function operand({ verb }: Flight): Uint8Array {
  return word(
    Number(BigInt.asUintN(32, verb.operand)),
    Number(BigInt.asUintN(32, verb.operand >> 32n)),
  );
}

function word(low: number, high: number): Uint8Array {
  const bytes = new Uint8Array(8);
  storeHalf(bytes, 0, low);
  storeHalf(bytes, 4, high);
  return bytes;
}
