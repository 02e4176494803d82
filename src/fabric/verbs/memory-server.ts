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
import { answerCode, encodeRefusal, encodeWelcome } from './handshake.ts';
import {
  access,
  type CmEvent,
  type Cq,
  type Device,
  isVerbsError,
  type Memory,
  type Native,
  type Pd,
  type ProviderOption,
  type RemoteRegion,
  type Server,
  type ServerOptions,
} from './native.ts';
import { refuseMtu } from './path-mtu.ts';

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
}

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
  /** Its ring is theirs. */
  readonly cq: Cq;
  /** WRITE_WITH_IMMs that a client may have sent before they are reaped. */
  readonly receives: number;
}

/**
 * A memory node: registers memory, accepts connections, ends those of an incarnation when it is told to, and
 * is otherwise asleep. All of it is the connection manager's path: no verb of a client runs code here, and no
 * client JavaScript: the addon answers who comes (native/server.h), as far as its device is exported here.
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
  readonly #server: Server;
  /** Devices on which regions are registered, by name: each when its first client comes. */
  readonly #exported = new Map<string, Device>();

  /** Listens when it returns; FARSIDE_USAGE where the address is not to be had. */
  constructor(native: Native, options: MemoryServerOptions) {
    this.#native = native;
    this.#options = options;
    this.incarnation = options.incarnation;
    const where = `${options.host}:${options.port}`;
    let hub: CmHub | undefined;
    try {
      hub = this.#hub = new CmHub(native, options);
      const listener = this.#hub.createId((event) => this.#request(event));
      native.bindAddr(listener, options.host, options.port);
      this.#server = native.serve(listener, serverOptions(options));
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
    return this.#native.queryServer(this.#server).connections;
  }

  /** Takes what has come, for a thread that does not return to its loop. */
  poll(): boolean {
    return this.#hub.poll();
  }

  /** Ends an incarnation: when it returns, no verb of it takes effect here any more, now or later. */
  fence(incarnation: number): void {
    this.#native.fenceIncarnation(this.#server, incarnation);
  }

  /** CPU time that `cpuMicroseconds` tells, here and those who ask, counts from here. */
  countCpu(): void {
    this.#native.countServerCpu(this.#server);
  }

  /** Of this process, without the thread that acts for a fake device; 0 before it counts. */
  get cpuMicroseconds(): number {
    return this.#native.queryServer(this.#server).cpuMicroseconds;
  }

  close(): void {
    this.#native.close(this.#server);
    this.#hub.close();
    for (const device of this.#exported.values()) {
      if (device !== this.#options.serving?.device) this.#native.close(device);
    }
    this.#exported.clear();
  }

  /** One for data by a device that is not exported yet; all else the addon has dealt with. */
  #request({ event, id, ...request }: CmEvent): void {
    if (event !== 'CONNECT_REQUEST' || id === undefined) return;
    const native = this.#native;
    try {
      this.#export(native.queryId(id).device as string);
      native.answerRequest(this.#server, id, request);
    } catch (error) {
      if (!isVerbsError(error)) throw error;
      native.reject(id, encodeRefusal(answerCode.failed, error.errno));
      native.close(id);
    }
  }

  #export(name: string): void {
    if (this.#exported.has(name)) return;
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
      // Queue pairs of a memory node post nothing, so nothing ever completes there.
      const cq = serving?.cq ?? native.createCq(device, 16);
      native.serveDevice(this.#server, pd, cq, {
        ...depthsOf(native, device, wantedDepth(this.#options)),
        privateData: welcome,
        receives: serving?.receives ?? 0,
      });
      this.#exported.set(name, device);
    } catch (error) {
      if (serving === undefined) native.close(device);
      throw error;
    }
  }
}

/** READs and atomics that a queue pair of the device may have outstanding: the peer's, and its own. */
function depthsOf(
  native: Native,
  device: Device,
  wanted: number,
): { responderResources: number; initiatorDepth: number } {
  const { maxQpRdAtom, maxQpInitRdAtom } = native.queryDevice(device);
  return {
    responderResources: Math.min(wanted, maxQpRdAtom),
    initiatorDepth: Math.min(wanted, maxQpInitRdAtom),
  };
}

function serverOptions(options: MemoryServerOptions): ServerOptions {
  const { connectionsMax } = options;
  return { ...overruled(options), ...(connectionsMax === undefined ? {} : { connectionsMax }) };
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
