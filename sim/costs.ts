import { type ComputeKind, computeIndex, computeKinds } from '../src/core/effect.ts';
import { bytePs, gapPs, type Profile, toPs } from './profile.ts';

/** Latency and cost per byte of one medium, in picoseconds. */
export interface MediumCosts {
  readonly readBytePs: number;
  readonly writeBytePs: number;
  readonly writeBufferPs: number;
  readonly flushPs: number;
  /** From the end of the transfer of what was read to the port, through PCIe and NIC. */
  readonly answerPs: number;
}

/** A profile as the simulator computes with it: integer picoseconds, and picoseconds per byte. */
export class Costs {
  readonly postPs: number;
  readonly doorbellPs: number;
  readonly pollPs: number;
  readonly mailboxPollPs: number;
  readonly localPs: number;
  readonly localBytePs: number;
  readonly persistLinePs: number;
  readonly persistPs: number;
  readonly backgroundCores: number;
  /** By `computeIndex`. */
  readonly #fixedPs: Float64Array;
  readonly #unitPs: Float64Array;
  /** From the doorbell to the wire, without the payload's fetch; that fetch. */
  readonly requestPs: number;
  readonly fetchPs: number;
  readonly inlineBytesMax: number;
  readonly requesterGapPs: number;
  readonly responderGapPs: number;
  readonly responderPs: number;
  /** From the last byte of the response on the wire to the completion in host memory. */
  readonly completionPs: number;
  readonly responsePs: number;
  readonly readsOutstandingMax: number;
  readonly queuePairGapPs: number;
  readonly wireBytePs: number;
  readonly propagationPs: number;
  /** Time on the wire of a packet without payload. */
  readonly emptyWirePs: number;
  readonly packetHeaderBytes: number;
  readonly packetPayloadBytes: number;
  readonly pcieReadPs: number;
  readonly pcieWritePs: number;
  readonly pcieReadBytePs: number;
  readonly pcieWriteBytePs: number;
  readonly atomicPs: number;
  readonly atomicWordPs: number;
  readonly atomicSameQueuePairPs: number;
  readonly atomicQueuePairGapPs: number;
  readonly atomicNodeGapPs: number;
  readonly dram: MediumCosts;
  readonly pm: MediumCosts;
  readonly tearWindowPs: number;
  readonly retransmitPs: number;
  readonly retransmitsMax: number;
  readonly controlPs: number;
  readonly verbBoundPs: number;

  constructor({ numbers }: Profile) {
    const { cpu, compute, nic, queuePair, link, pcie, atomics, faults } = numbers;
    this.postPs = toPs(cpu.postNs);
    this.doorbellPs = toPs(cpu.doorbellNs);
    this.pollPs = toPs(cpu.pollNs);
    this.mailboxPollPs = toPs(cpu.mailboxPollNs);
    this.localPs = toPs(cpu.localNs);
    this.localBytePs = cpu.localByteNs * 1000;
    this.persistLinePs = toPs(cpu.persistLineNs);
    this.persistPs = toPs(cpu.persistNs);
    this.backgroundCores = cpu.backgroundCores;
    this.#fixedPs = Float64Array.from(computeKinds, (kind) => toPs(compute[kind].fixedNs));
    this.#unitPs = Float64Array.from(computeKinds, (kind) => compute[kind].unitNs * 1000);
    this.requestPs = toPs(pcie.doorbellLatencyNs + nic.requesterLatencyNs);
    this.fetchPs = toPs(pcie.readLatencyNs);
    this.inlineBytesMax = nic.inlineBytesMax;
    this.requesterGapPs = gapPs(nic.requesterRate);
    this.responderGapPs = gapPs(nic.responderRate);
    this.responderPs = toPs(nic.responderLatencyNs);
    this.completionPs = toPs(nic.completionLatencyNs + pcie.writeLatencyNs);
    this.responsePs = toPs(nic.responseLatencyNs);
    this.readsOutstandingMax = queuePair.readsOutstandingMax;
    this.queuePairGapPs = gapPs(queuePair.rate);
    this.wireBytePs = bytePs(link.bandwidth);
    this.propagationPs = toPs(link.propagationNs);
    this.packetHeaderBytes = link.packetHeaderBytes;
    this.packetPayloadBytes = link.packetPayloadBytes;
    this.emptyWirePs = this.wirePs(0);
    this.pcieReadPs = toPs(pcie.readLatencyNs);
    this.pcieWritePs = toPs(pcie.writeLatencyNs);
    this.pcieReadBytePs = bytePs(pcie.readBandwidth);
    this.pcieWriteBytePs = bytePs(pcie.writeBandwidth);
    this.atomicPs = toPs(atomics.latencyNs);
    this.atomicWordPs = toPs(atomics.wordNs);
    this.atomicSameQueuePairPs = toPs(atomics.wordSameQueuePairNs);
    this.atomicQueuePairGapPs = gapPs(atomics.queuePairRate);
    this.atomicNodeGapPs = gapPs(atomics.nodeRate);
    this.dram = this.#medium(numbers.dram);
    this.pm = this.#medium(numbers.pm);
    this.tearWindowPs = toPs(faults.tearWindowNs);
    this.retransmitPs = toPs(faults.retransmitNs);
    this.retransmitsMax = faults.retransmitsMax;
    this.controlPs = toPs(faults.controlRoundTripNs);
    this.verbBoundPs = toPs(faults.verbBoundNs);
  }

  computePs(kind: ComputeKind, units: number): number {
    const index = computeIndex(kind);
    const fixedPs = this.#fixedPs[index] as number;
    return fixedPs + wholePs((this.#unitPs[index] as number) * units);
  }

  #medium(medium: Profile['numbers']['dram']): MediumCosts {
    return {
      readBytePs: bytePs(medium.readBandwidth),
      writeBytePs: bytePs(medium.writeBandwidth),
      writeBufferPs: Math.round(medium.writeBufferBytes * bytePs(medium.writeBandwidth)),
      flushPs: toPs(medium.flushNs),
      answerPs: this.pcieReadPs + toPs(medium.readLatencyNs) + this.responsePs,
    };
  }

  /** Time on the wire of a payload with the headers of its packets. */
  wirePs(payloadBytes: number): number {
    const packets =
      payloadBytes <= this.packetPayloadBytes
        ? 1
        : Math.ceil(payloadBytes / this.packetPayloadBytes);
    return wholePs((payloadBytes + packets * this.packetHeaderBytes) * this.wireBytePs);
  }
}

/** To the nearest picosecond. `Math.round` is not one instruction, and a READ rounds five times. */
export function wholePs(ps: number): number {
  return Math.floor(ps + 0.5);
}
