import { computeKinds } from '../src/core/effect.ts';

/**
 * Every number of a profile: its place and its unit. Rates (`Mverbs/s`, `GB/s`) may be `null`, which
 * means without limit; all others are finite and not negative.
 *
 * Where a verb spends its time:
 *
 *   CPU         NIC, PCIe of the requester        link        NIC, PCIe, media of the responder
 *   post ──► doorbell ─► (fetch the payload) ─► pipeline ══► propagation ══► pipeline ─► media
 *   poll ◄── completion is written (PCIe) ◄──── pipeline ◄══ propagation ◄══ response ◄─┘
 */
export const profileSchema = {
  cpu: {
    /** Building one work request, and ringing one doorbell. */
    postNs: 'ns',
    doorbellNs: 'ns',
    /** Noticing and consuming one completion. */
    pollNs: 'ns',
    /** From a message's arrival in memory to its notice by a polling core, on average. */
    mailboxPollNs: 'ns',
    /** The CPU's own access to its node's memory: a fixed part, and a part per byte. */
    localNs: 'ns',
    localByteNs: 'ns/B',
    /** Write-back of one cache line of pm, and the fence after them. */
    persistLineNs: 'ns',
    persistNs: 'ns',
    /** Cores for background programs, beside those of the cluster map; 0: they share the others. */
    backgroundCores: 'cores',
  },
  compute: Object.fromEntries(
    computeKinds.map((kind) => [kind, { fixedNs: 'ns', unitNs: 'ns/unit' }]),
  ) as Record<(typeof computeKinds)[number], { fixedNs: 'ns'; unitNs: 'ns/unit' }>,
  nic: {
    /** Latency of a verb in the requester's and responder's pipelines, and of its completion. */
    requesterLatencyNs: 'ns',
    responderLatencyNs: 'ns',
    completionLatencyNs: 'ns',
    /** Additional latency of a READ, atomic or FLUSH at the responder. */
    responseLatencyNs: 'ns',
    /** Verbs a NIC takes from its own host, and from the network. */
    requesterRate: 'Mverbs/s',
    responderRate: 'Mverbs/s',
    /** Payloads up to this size travel in the work request and are not fetched. */
    inlineBytesMax: 'B',
  },
  queuePair: {
    /** READs, atomics and FLUSHes outstanding on one queue pair. */
    readsOutstandingMax: 'verbs',
    rate: 'Mverbs/s',
  },
  link: {
    /** Of each direction of a node's port. */
    bandwidth: 'GB/s',
    /** One way, cables and switch. */
    propagationNs: 'ns',
    /** Headers of one packet, and the payload that one packet carries. */
    packetHeaderBytes: 'B',
    packetPayloadBytes: 'B',
  },
  pcie: {
    /** From the CPU's store to the NIC. */
    doorbellLatencyNs: 'ns',
    /** A NIC's read of host memory; its posted write until it is visible there. */
    readLatencyNs: 'ns',
    writeLatencyNs: 'ns',
    readBandwidth: 'GB/s',
    writeBandwidth: 'GB/s',
  },
  atomics: {
    /** What a CAS or FETCH_ADD takes longer than a READ of 8 bytes, when nothing is in its way. */
    latencyNs: 'ns',
    /** How long it keeps its word from the next atomic, of another and of the same queue pair. */
    wordNs: 'ns',
    wordSameQueuePairNs: 'ns',
    queuePairRate: 'Mverbs/s',
    nodeRate: 'Mverbs/s',
  },
  dram: {
    readLatencyNs: 'ns',
    readBandwidth: 'GB/s',
    writeBandwidth: 'GB/s',
    /** WRITEs are acknowledged before they are stored while no more than this waits to be. */
    writeBufferBytes: 'B',
    flushNs: 'ns',
  },
  pm: {
    readLatencyNs: 'ns',
    readBandwidth: 'GB/s',
    writeBandwidth: 'GB/s',
    /** WRITEs are acknowledged before they are stored while no more than this waits to be. */
    writeBufferBytes: 'B',
    flushNs: 'ns',
  },
  faults: {
    /** How long the bytes of one verb take to move, in any order, once it has arrived. */
    tearWindowNs: 'ns',
    /** A lost request is sent again after this time, so often; then its outcome is unknown. */
    retransmitNs: 'ns',
    retransmitsMax: 'times',
    /** A request to the control path of a memory node (connect, fence), and its answer. */
    controlRoundTripNs: 'ns',
    /** What protocols that need timing bounds are told. */
    verbBoundNs: 'ns',
  },
} as const;

type Numbers<S> = { readonly [K in keyof S]: S[K] extends string ? number : Numbers<S[K]> };

/** A profile's numbers, in the units above; an unlimited rate is Infinity. */
export type ProfileNumbers = Numbers<typeof profileSchema>;
