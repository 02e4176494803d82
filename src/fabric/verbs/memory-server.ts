import { FarsideError } from '../../core/errors.ts';
import type { Medium } from '../../memory/cluster.ts';
import { CmHub } from './cm-hub.ts';
import { type ConnectionOptions, overruled, wantedDepth } from './connection-options.ts';
import {
  directoryBytes,
  encodeDirectory,
  type FlushReach,
  type RegionDescriptor,
} from './directory.ts';
import { answerCode, decodeHello, encodeRefusal, encodeWelcome, helloKind } from './handshake.ts';
import {
  access,
  type CmEvent,
  type CmId,
  type Cq,
  type Device,
  isVerbsError,
  type Memory,
  type Native,
  type Pd,
  type ProviderOption,
  type Qp,
  type RemoteRegion,
} from './native.ts';

export interface ServedRegion {
  readonly name: string;
  readonly medium: Medium;
  readonly memory: Uint8Array | Memory;
  /** Of a memory that holds more than this region. */
  readonly part?: { readonly offsetBytes: number; readonly lengthBytes: number };
}

export interface MemoryServerOptions extends ConnectionOptions, ProviderOption {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly regions: readonly ServedRegion[];
  /** Names this start of the node; every region belongs to it. */
  readonly incarnation: number;
  /** Default 1024. */
  readonly connectionsMax?: number;
  /** Absent for a memory node, which posts nothing. */
  readonly serving?: ServingDevice;
  /** CPU time since ready, for those who ask. */
  readonly cpuMicroseconds?: () => number;
}

const connectionsMaxDefault = 1024;
const backlog = 128;
const remoteAccess =
  access.localWrite | access.remoteRead | access.remoteWrite | access.remoteAtomic;

/**
 * Where the one who serves also posts verbs, on one device: its queue pairs belong to its own ring, so that
 * a WRITE_WITH_IMM to its memory wakes it.
 */
export interface ServingDevice {
  readonly name: string;
  readonly device: Device;
  readonly pd: Pd;
  /** A queue pair for a client that comes, with its receives posted by `accepted`. */
  queuePair(): Qp;
  /** The queue pair is in its INIT state. */
  accepted(qp: Qp): void;
}

/** What one device has of the regions: registered when its first client comes. */
interface Exported {
  readonly device: Device;
  readonly pd: Pd;
  /** Its queue pairs post nothing, so nothing ever completes here. */
  readonly cq: Cq;
  readonly welcome: Buffer;
  /** READs and atomics that a queue pair of it may have outstanding: the peer's, and its own. */
  readonly depths: { readonly responder: number; readonly initiator: number };
}

interface Client {
  readonly id: CmId;
  readonly qp: Qp;
  readonly incarnation: number;
}

/**
 * A memory node: registers memory, accepts connections, ends those of an incarnation when it is told to, and
 * is otherwise asleep. All of it is the connection manager's path: no verb of a client runs code here.
 *
 * It outlives its clients and whatever comes to its port: each event is handled by itself, and an error
 * closes the one connection that it is about.
 */
export class MemoryServer {
  readonly incarnation: number;
  readonly port: number;
  readonly #native: Native;
  readonly #options: MemoryServerOptions;
  readonly #hub: CmHub;
  readonly #exported = new Map<string, Exported>();
  readonly #clients = new Map<number, Client>();
  readonly #fenced = new Set<number>();

  /** Listens when it returns; FARSIDE_USAGE where the address is not to be had. */
  constructor(native: Native, options: MemoryServerOptions) {
    this.#native = native;
    this.#options = options;
    this.incarnation = options.incarnation;
    const where = `${options.host}:${options.port}`;
    let hub: CmHub | undefined;
    try {
      hub = this.#hub = new CmHub(native, options);
      const listener = this.#hub.createId((event) => this.#hear(event));
      native.bindAddr(listener, options.host, options.port);
      native.listen(listener, backlog);
      this.port = native.queryId(listener).localPort;
      // One that listens at an address is at a device, whose memory limit is better met now than later.
      const { device } = native.queryId(listener);
      for (const name of device === undefined ? [] : [device]) this.#export(name);
    } catch (error) {
      hub?.close();
      throw isVerbsError(error) ? listenError(where, error) : error;
    }
    this.#hub.watch();
  }

  get connections(): number {
    return this.#clients.size;
  }

  /** Takes what has come, for a thread that does not return to its loop. */
  poll(): boolean {
    return this.#hub.poll();
  }

  /** Ends an incarnation: when it returns, no verb of it takes effect here any more, now or later. */
  fence(incarnation: number): void {
    this.#fenced.add(incarnation);
    for (const [key, client] of this.#clients) {
      if (client.incarnation === incarnation) this.#forget(key);
    }
  }

  close(): void {
    for (const key of [...this.#clients.keys()]) this.#forget(key);
    this.#hub.close();
    for (const { device } of this.#exported.values()) {
      if (device !== this.#options.serving?.device) this.#native.close(device);
    }
    this.#exported.clear();
  }

  #hear(event: CmEvent): void {
    switch (event.event) {
      case 'CONNECT_REQUEST':
        this.#request(event.id as CmId, event);
        break;
      case 'DISCONNECTED':
      case 'CONNECT_ERROR':
      case 'UNREACHABLE':
      case 'REJECTED':
      case 'DEVICE_REMOVAL':
        this.#forget(event.key);
        break;
      default:
        break; // ESTABLISHED, and the end of TIMEWAIT
    }
  }

  #request(id: CmId, event: CmEvent): void {
    let answer: Buffer | undefined;
    try {
      answer = this.#answer(id, event);
    } catch (error) {
      if (!isVerbsError(error)) throw error;
      answer = encodeRefusal(answerCode.failed, error.errno);
    }
    if (answer === undefined) return;
    try {
      this.#native.reject(id, answer);
    } catch (error) {
      if (!isVerbsError(error)) throw error; // whoever asked is gone
    }
    this.#native.close(id);
  }

  /** What the request is rejected with, which is also how questions are answered; none if accepted. */
  #answer(id: CmId, event: CmEvent): Buffer | undefined {
    const hello = decodeHello(event.privateData);
    if (typeof hello === 'number') return encodeRefusal(hello);
    if (hello.kind === helloKind.report) {
      return encodeRefusal(answerCode.report, this.#options.cpuMicroseconds?.() ?? 0);
    }
    if (hello.kind === helloKind.fence) {
      this.fence(hello.incarnation);
      return encodeRefusal(answerCode.fenced, hello.incarnation);
    }
    if (this.#fenced.has(hello.incarnation)) return encodeRefusal(answerCode.fencedOff);
    const limit = this.#options.connectionsMax ?? connectionsMaxDefault;
    if (this.#clients.size >= limit) return encodeRefusal(answerCode.tooMany, limit);
    this.#accept(id, event, hello.incarnation);
    return undefined;
  }

  #accept(id: CmId, event: CmEvent, incarnation: number): void {
    const native = this.#native;
    const { device, key } = native.queryId(id);
    const exported = this.#export(device as string);
    const { serving } = this.#options;
    const qp = serving?.queuePair() ?? native.createQp(exported.pd, exported.cq, { maxSendWr: 1 });
    try {
      const qpAccessFlags = access.remoteRead | access.remoteWrite | access.remoteAtomic;
      // The manager would take the peer's wish for granted, and the device refuse one that is too large.
      const responderResources = Math.min(exported.depths.responder, event.responderResources ?? 0);
      const initiatorDepth = Math.min(exported.depths.initiator, event.initiatorDepth ?? 0);
      const attributes = {
        ...overruled(this.#options),
        maxDestRdAtomic: responderResources,
        maxRdAtomic: initiatorDepth,
      };
      native.modifyQpById(qp, id, { state: 'init', qpAccessFlags });
      serving?.accepted(qp);
      native.modifyQpById(qp, id, { state: 'rtr', ...attributes });
      native.modifyQpById(qp, id, { state: 'rts', ...attributes });
      native.accept(id, {
        qpNum: native.queryQp(qp).qpNum,
        privateData: exported.welcome,
        responderResources,
        initiatorDepth,
      });
    } catch (error) {
      native.close(qp);
      throw error;
    }
    this.#hub.adopt(id, (later) => this.#hear(later));
    this.#clients.set(key, { id, qp, incarnation });
  }

  /** The queue pair goes first: from then on nothing of this client lands. */
  #forget(key: number): void {
    const client = this.#clients.get(key);
    if (client === undefined) return;
    this.#clients.delete(key);
    this.#native.close(client.qp);
    this.#hub.drop(client.id);
  }

  #export(name: string): Exported {
    const known = this.#exported.get(name);
    if (known !== undefined) return known;
    const native = this.#native;
    const { serving } = this.#options;
    if (serving !== undefined && serving.name !== name) {
      throw new FarsideError(
        'FARSIDE_USAGE',
        `a peer came by device ${name}, and this node uses ${serving.name}: give one network's addresses`,
      );
    }
    const device = serving?.device ?? native.openDevice(name, this.#options);
    try {
      refuseMtu(native, device, name, this.#options.pathMtuBytes);
      const pd = serving?.pd ?? native.allocPd(device);
      const regions = this.#options.regions.map((region) => describe(native, pd, region));
      const table = new Uint8Array(new SharedArrayBuffer(directoryBytes(regions.length)));
      encodeDirectory(regions, table);
      const directory = native.queryMr(native.regMr(pd, table, access.remoteRead));
      const welcome = encodeWelcome({ incarnation: this.incarnation, directory });
      const cq = native.createCq(device, 16);
      const depths = depthsOf(native, device, wantedDepth(this.#options));
      const exported = { device, pd, cq, welcome, depths };
      this.#exported.set(name, exported);
      return exported;
    } catch (error) {
      if (serving === undefined) native.close(device);
      throw error;
    }
  }
}

function depthsOf(native: Native, device: Device, wanted: number): Exported['depths'] {
  const { maxQpRdAtom, maxQpInitRdAtom } = native.queryDevice(device);
  return { responder: Math.min(wanted, maxQpRdAtom), initiator: Math.min(wanted, maxQpInitRdAtom) };
}

/** A port whose interface has Ethernet's usual MTU of 1500 B carries RDMA packets of 1024 B. */
export function refuseMtu(
  native: Native,
  device: Device,
  name: string,
  wantedBytes: number | undefined,
): void {
  const { activeMtuBytes } = native.queryPort(device, 1);
  if (wantedBytes === undefined || wantedBytes <= activeMtuBytes) return;
  throw new FarsideError(
    'FARSIDE_USAGE',
    `a path MTU of ${wantedBytes} B cannot work: device ${name} takes at most ${activeMtuBytes} B; leave ` +
      'it out, or raise the MTU of its network interface',
  );
}

/** The right to flush depends on kernel, device and memory together, so it is tried. */
function describe(native: Native, pd: Pd, region: ServedRegion): RegionDescriptor {
  const { name, medium, memory, part } = region;
  const reaches: readonly [FlushReach, number][] = [
    ['persistent', access.flushGlobal | access.flushPersistent],
    ['global', access.flushGlobal],
  ];
  for (const [flush, right] of medium === 'pm' ? reaches : reaches.slice(1)) {
    try {
      const mr = native.regMr(pd, memory, remoteAccess | right);
      return { name, medium, flush, ...partOf(native.queryMr(mr), part) };
    } catch (error) {
      const refused = isVerbsError(error) && ['EINVAL', 'EOPNOTSUPP'].includes(error.code);
      if (!refused) throw error;
    }
  }
  const mr = native.regMr(pd, memory, remoteAccess);
  return { name, medium, flush: 'none', ...partOf(native.queryMr(mr), part) };
}

function partOf(whole: RemoteRegion, part: ServedRegion['part']): RemoteRegion {
  if (part === undefined) return whole;
  const { address, rkey } = whole;
  return { address: address + BigInt(part.offsetBytes), lengthBytes: part.lengthBytes, rkey };
}

function listenError(where: string, error: Error & { code: string; verb: string }): FarsideError {
  const next: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another process listens there; choose another port',
    EADDRNOTAVAIL: 'no interface of this host has that address',
    ENODEV: 'no RDMA device has that address: farside doctor shows which there are',
    ENOMEM: error.message,
  };
  return new FarsideError(
    error.verb === 'regMr' ? 'FARSIDE_CAPACITY' : 'FARSIDE_USAGE',
    `cannot listen at ${where}: ${next[error.code] ?? error.message}`,
    { cause: error },
  );
}
