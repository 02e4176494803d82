/**
 * The simulated fabric: a whole cluster in virtual time, in one thread, decided by one seed.
 *
 * How a verb goes, and where to read about it:
 *
 *   program      yields an effect                       interpreter.ts, scheduler.ts, cpu.ts, node.ts
 *   requester    doorbell, queue pair, NIC, port        transport.ts, queue-pair.ts, fifo.ts
 *   path         hops that may delay, answer, drop it   path.ts
 *   responder    NIC, PCIe, atomic unit, the way back   responder.ts, atomics.ts, machine.ts
 *   memory       visible and durable bytes, tearing     node-memory.ts, windows.ts, sparse-bytes.ts
 *   completion   an event, or one for a whole batch     transport.ts, interpreter.ts
 *
 * A verb costs two events (its arrival, its completion; a batch shares one completion) of the kernel's
 * queue (kernel.ts, event-queue.ts). What everything costs comes from a profile (profile.ts, costs.ts,
 * profiles/*.json). What may go wrong is stated at the top of node-memory.ts and done by faults.ts.
 */
export { SimCluster, type SimOptions } from './cluster.ts';
export type { Hop, HopVerdict, Transit } from './path.ts';
export { adjustProfile, type Profile, parseProfile } from './profile.ts';
export { type ProfileNumbers, profileSchema } from './profile-schema.ts';
export type { CoreStatistics, NodeStatistics, SimStatistics } from './statistics.ts';
export type {
  ComputeTrace,
  LocalTrace,
  MessageTrace,
  TraceOrigin,
  TraceSink,
  VerbTrace,
} from './trace.ts';
