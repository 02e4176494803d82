/**
 * The addon's functions, under the names that their man pages have (`man ibv_post_send`). Handles are
 * opaque: a wrong or a closed one is a TypeError. What a verb answers is thrown as a `VerbsError`.
 */
declare const brand: unique symbol;
interface Handle<Kind extends string> {
  readonly [brand]: Kind;
}
export type Device = Handle<'device'>;
export type Pd = Handle<'pd'>;
export type Memory = Handle<'memory'>;
export type Mr = Handle<'mr'>;
export type CompChannel = Handle<'channel'>;
export type Cq = Handle<'cq'>;
export type Qp = Handle<'qp'>;
export type RingHandle = Handle<'ring'>;
export type EventChannel = Handle<'eventChannel'>;
export type CmId = Handle<'cmId'>;
export type Server = Handle<'server'>;
export type AnyHandle =
  | Device
  | Pd
  | Memory
  | Mr
  | CompChannel
  | Cq
  | Qp
  | RingHandle
  | EventChannel
  | CmId
  | Server;

/** What the addon throws for the answer of a verb. */
export interface VerbsError extends Error {
  readonly name: 'VerbsError';
  readonly verb: string;
  /** What it was called with, in words. */
  readonly arguments: string;
  readonly errno: number;
  /** Its name, such as `ENOMEM`. */
  readonly code: string;
}

export function isVerbsError(error: unknown): error is VerbsError {
  return error instanceof Error && error.name === 'VerbsError';
}

/** `fake` is the device in this process, for tests and measurements; it is never a substitute. */
export interface ProviderOption {
  readonly provider?: 'system' | 'fake';
}

export interface DeviceAttributes {
  readonly name: string;
  readonly firmware: string;
  readonly maxQp: number;
  readonly maxQpWr: number;
  readonly maxSge: number;
  readonly maxCq: number;
  readonly maxCqe: number;
  readonly maxMr: number;
  readonly maxMrSize: bigint;
  /** READs and atomics outstanding at a queue pair as responder, and as initiator. */
  readonly maxQpRdAtom: number;
  readonly maxQpInitRdAtom: number;
  /** `hca`: atomic among remote atomics of this device only. */
  readonly atomicCap: 'none' | 'hca' | 'global' | 'unknown';
  readonly physPortCount: number;
  readonly flushGlobal: boolean;
  readonly flushPersistent: boolean;
  readonly atomicWrite: boolean;
}

export interface PortAttributes {
  readonly state: 'nop' | 'down' | 'init' | 'armed' | 'active' | 'active_defer' | 'unknown';
  readonly maxMtuBytes: number;
  readonly activeMtuBytes: number;
  readonly maxMessageBytes: number;
  readonly gidTableLength: number;
  readonly lid: number;
  readonly linkLayer: 'ethernet' | 'infiniband';
}

export interface GidEntry {
  readonly gid: Buffer;
  readonly type: 'ib' | 'roce_v1' | 'roce_v2' | 'unknown';
}

export interface MrAttributes {
  readonly address: bigint;
  readonly lengthBytes: number;
  readonly lkey: number;
  readonly rkey: number;
}

export interface QpOptions {
  /** Default 128. */
  readonly maxSendWr?: number;
  /** Default 0. */
  readonly maxRecvWr?: number;
  /** Wished for; `queryQp` says what was granted. Default 0. */
  readonly maxInlineData?: number;
  /** It must be able to post FLUSH, ATOMIC_WRITE; EOPNOTSUPP where the provider cannot. */
  readonly flush?: boolean;
  readonly atomicWrite?: boolean;
}

export type QpState = 'reset' | 'init' | 'rtr' | 'rts' | 'sqd' | 'sqe' | 'err';

/** Names and units of ibv_modify_qp(3); only what is given is modified. */
export interface QpAttributes {
  readonly state?: QpState;
  readonly pathMtuBytes?: number;
  readonly destQpNum?: number;
  readonly destGid?: Buffer;
  readonly destLid?: number;
  readonly gidIndex?: number;
  readonly hopLimit?: number;
  readonly trafficClass?: number;
  readonly port?: number;
  readonly portNum?: number;
  readonly pkeyIndex?: number;
  readonly rqPsn?: number;
  readonly sqPsn?: number;
  readonly maxDestRdAtomic?: number;
  readonly maxRdAtomic?: number;
  readonly minRnrTimer?: number;
  /** 4.096 us times two to this power; 0 waits for ever. */
  readonly timeout?: number;
  readonly retryCnt?: number;
  readonly rnrRetry?: number;
  readonly qpAccessFlags?: number;
}

export interface QpQuery {
  readonly qpNum: number;
  readonly state: QpState | 'unknown';
  readonly pathMtuBytes: number;
  readonly maxRdAtomic: number;
  readonly maxSendWr: number;
  readonly maxRecvWr: number;
  readonly maxInlineData: number;
}

/** The ring's handle, its hot functions, and where in the given bytes it starts. */
export interface NativeRing {
  readonly ring: RingHandle;
  readonly byteOffset: number;
  postSend(): number;
  pollCq(): number;
  postAndPoll(): number;
}

export interface RingStatistics {
  readonly posted: number;
  readonly doorbells: number;
  readonly signalled: number;
  readonly polls: number;
  readonly completionEntries: number;
  readonly inFlight: number;
}

export interface RemoteRegion {
  readonly address: bigint;
  readonly lengthBytes: number;
  readonly rkey: number;
}

export interface ConnectionParameters {
  readonly qpNum: number;
  /** At most 56 bytes with `connect`, 196 with `accept`. */
  readonly privateData?: Buffer;
  /** READs and atomics outstanding, of the peer and of this side; 255: all that the device has. */
  readonly responderResources?: number;
  readonly initiatorDepth?: number;
  readonly retryCount?: number;
  readonly rnrRetryCount?: number;
}

export interface CmEvent {
  /** As in rdma_get_cm_event(3), without RDMA_CM_EVENT_. */
  readonly event: string;
  readonly status: number;
  /** `queryId(id).key` of the id that it is about. */
  readonly key: number;
  /** CONNECT_REQUEST only: the new id, and the key of the one that listens. */
  readonly id?: CmId;
  readonly listenKey?: number;
  readonly privateData?: Buffer;
  readonly qpNum?: number;
  /** As the peer asks them of the one who hears this. */
  readonly responderResources?: number;
  readonly initiatorDepth?: number;
}

export interface IdQuery {
  readonly key: number;
  readonly port: number;
  readonly device?: string;
  readonly localPort: number;
  readonly peer?: string;
}

/** For all queue pairs that it accepts with, attributes that overrule those of the connection manager. */
export interface ServerOptions extends QpAttributes {
  /** Default 1024. */
  readonly connectionsMax?: number;
}

/** What a server has on a device, and what it welcomes clients with. */
export type OfferedDevice = Required<
  Pick<ConnectionParameters, 'privateData' | 'responderResources' | 'initiatorDepth'>
> & {
  /** Kept posted under the ring of the completion queue; 0 needs no ring. */
  readonly receives: number;
};

/** Controls of the fake device. */
export interface FakeControls {
  /**
   * `activeMtu` is an enum ibv_mtu: 1 to 5 for 256 to 4096 B. `flush: false`: a device that has none, for
   * what is opened and registered from then on.
   */
  fakeConfigure(options: {
    maxInlineData?: number;
    execute?: boolean;
    activeMtu?: number;
    maxQpRdAtom?: number;
    flush?: boolean;
  }): void;
  /** The verb after `after` more of them fails with `status`, or is refused with the errno `refuse`. */
  fakeFault(
    qp: Qp,
    fault: { after?: number; status?: number; execute?: boolean; refuse?: number },
  ): void;
  fakeHold(qp: Qp): void;
  fakeRelease(qp: Qp, count?: number): number;
  fakeLose(qp: Qp): void;
  /** Every connection of the device hears that it is gone. */
  fakeRemoveDevice(): void;
  fakePowerLoss(rkey: number, seed: number): { unflushedWords: number; lostWords: number };
  fakeCounters(): {
    posts: number;
    works: number;
    queuePairs: number;
    regions: number;
    /** CPU time of the thread that serves wires to other processes. */
    wireCpuMicroseconds: number;
    /** Of the connection manager. */
    ids: number;
  };
}

export interface Native extends FakeControls {
  /** Closes children first; does nothing for what is closed. */
  close(handle: AnyHandle): void;
  isOpen(handle: AnyHandle): boolean;

  missingLibrary(): string | undefined;
  getDeviceList(options?: ProviderOption): string[];
  openDevice(name: string, options?: ProviderOption): Device;
  queryDevice(device: Device): DeviceAttributes;
  queryPort(device: Device, port: number): PortAttributes;
  queryGid(device: Device, port: number, index: number): GidEntry | undefined;
  allocPd(device: Device): Pd;

  mapMemory(options: { lengthBytes: number; file?: string; hugePages?: boolean }): Memory;
  memoryBuffer(memory: Memory, offsetBytes: number, lengthBytes: number): ArrayBuffer;
  regMr(pd: Pd, memory: Uint8Array | Memory, access: number): Mr;
  queryMr(mr: Mr): MrAttributes;

  createCompChannel(device: Device): CompChannel;
  createCq(device: Device, cqe: number, channel?: CompChannel): Cq;
  reqNotifyCq(cq: Cq): void;
  /** Calls back when completions of an armed queue come, on libuv's loop; without a function, stops. */
  watchCompChannel(channel: CompChannel, callback?: () => void): void;
  /** Blocks the thread; true where an event came in time. */
  waitCompChannel(channel: CompChannel, timeoutMs: number): boolean;

  createQp(pd: Pd, cq: Cq, options?: QpOptions): Qp;
  modifyQp(qp: Qp, attributes: QpAttributes): void;
  queryQp(qp: Qp): QpQuery;

  ringBytes(capacity: number): number;
  createRing(pd: Pd, cq: Cq, bytes: Uint8Array, capacity: number): NativeRing;
  ringAddQp(
    ring: RingHandle,
    qp: Qp,
    options?: { inlineBytesMax?: number; readsMax?: number },
  ): number;
  ringSetLocal(ring: RingHandle, index: number, mr: Mr): void;
  ringSetRemote(ring: RingHandle, index: number, region: RemoteRegion): void;
  ringPostReceives(ring: RingHandle, queue: number, count: number): void;
  ringStatistics(ring: RingHandle): RingStatistics;

  createEventChannel(options?: ProviderOption): EventChannel;
  createId(channel: EventChannel): CmId;
  queryId(id: CmId): IdQuery;
  bindAddr(id: CmId, host: string, port: number): void;
  listen(id: CmId, backlog: number): void;
  resolveAddr(id: CmId, host: string, port: number, timeoutMs: number): void;
  resolveRoute(id: CmId, timeoutMs: number): void;
  connect(id: CmId, parameters: ConnectionParameters): void;
  establish(id: CmId): void;
  accept(id: CmId, parameters: ConnectionParameters): void;
  reject(id: CmId, privateData?: Buffer): void;
  disconnect(id: CmId): void;
  getCmEvent(channel: EventChannel): CmEvent | undefined;
  /** Calls back when an event comes that no server deals with, on libuv's loop; without a function, stops. */
  watchEventChannel(channel: EventChannel, callback?: () => void): void;
  /** The transition that the connection calls for, with some of its attributes overruled. */
  modifyQpById(qp: Qp, id: CmId, attributes: QpAttributes & { readonly state: QpState }): void;

  /**
   * From now on requests to the listener are answered, and what becomes of connections is seen to, without
   * JavaScript (native/server.h), where an event of the channel is taken or watched for.
   */
  serve(listener: CmId, options?: ServerOptions): Server;
  /** A request by another device is an event, and then answered by `answerRequest`. */
  serveDevice(server: Server, pd: Pd, cq: Cq, offered: OfferedDevice): void;
  answerRequest(server: Server, id: CmId, request: Omit<CmEvent, 'event' | 'id'>): void;
  /** When it returns, no verb of that incarnation takes effect here any more, now or later. */
  fenceIncarnation(server: Server, incarnation: number): void;
  countServerCpu(server: Server): void;
  queryServer(server: Server): { readonly connections: number; readonly cpuMicroseconds: number };
}

/** enum ibv_access_flags. */
export const access = {
  localWrite: 1,
  remoteWrite: 2,
  remoteRead: 4,
  remoteAtomic: 8,
  onDemand: 64,
  hugePages: 128,
  flushGlobal: 256,
  flushPersistent: 512,
} as const;

/** enum ibv_wc_status, by number. */
export const wcStatusNames = [
  'SUCCESS',
  'LOC_LEN_ERR',
  'LOC_QP_OP_ERR',
  'LOC_EEC_OP_ERR',
  'LOC_PROT_ERR',
  'WR_FLUSH_ERR',
  'MW_BIND_ERR',
  'BAD_RESP_ERR',
  'LOC_ACCESS_ERR',
  'REM_INV_REQ_ERR',
  'REM_ACCESS_ERR',
  'REM_OP_ERR',
  'RETRY_EXC_ERR',
  'RNR_RETRY_EXC_ERR',
  'LOC_RDD_VIOL_ERR',
  'REM_INV_RD_REQ_ERR',
  'REM_ABORT_ERR',
  'INV_EECN_ERR',
  'INV_EEC_STATE_ERR',
  'FATAL_ERR',
  'RESP_TIMEOUT_ERR',
  'GENERAL_ERR',
  'TM_ERR',
  'TM_RNDV_INCOMPLETE',
] as const;
export type WcStatusName = (typeof wcStatusNames)[number];

export function wcStatus(name: WcStatusName): number {
  return wcStatusNames.indexOf(name);
}
