import { randomBytes } from 'node:crypto';
import { FarsideError } from '../core/errors.ts';
import {
  isVerbsError,
  loadAddon,
  type Memory,
  MemoryServer,
  type Native,
  type ProviderOption,
  parseDestination,
  rehearse,
} from '../fabric/verbs/index.ts';
import type { RegionSpec } from '../memory/cluster.ts';
import { parseValue } from './experiment/values.ts';

export interface MappedRegion extends RegionSpec {
  /** Device DAX (`/dev/dax0.0`) or a file; without one, memory that ends with the process. */
  readonly file?: string;
}

/** `NAME:MEDIUM:SIZE` or `NAME:MEDIUM:SIZE:FILE`, such as `data:dram:1GiB`; FARSIDE_USAGE. */
export function parseRegion(text: string): MappedRegion {
  const wrong = (what: string): never => {
    throw new FarsideError(
      'FARSIDE_USAGE',
      `--region ${text}: ${what}; expected NAME:MEDIUM:SIZE[:FILE], such as data:dram:1GiB or ` +
        'log:pm:64MiB:/dev/dax0.0',
    );
  };
  const [name = '', medium = '', size = '', ...rest] = text.split(':');
  const file = rest.join(':');
  if (name === '') wrong('it has no name');
  if (medium !== 'dram' && medium !== 'pm')
    return wrong(`medium ${medium || '(none)'} is not dram or pm`);
  const kind = { type: 'bytes', minimum: 8, maximum: Number.MAX_SAFE_INTEGER } as const;
  const parsed = parseValue(kind, size);
  if ('expected' in parsed) return wrong(`size ${size || '(none)'}: expected ${parsed.expected}`);
  const sizeBytes = parsed.value as number;
  if (sizeBytes % 8 !== 0) wrong(`size ${size} is no multiple of 8`);
  if (medium === 'pm' && file === '') wrong('pm needs a FILE that keeps it');
  return { name, medium, sizeBytes, ...(file === '' ? {} : { file }) };
}

export interface MemoryNodeOptions extends ProviderOption {
  /** `10.0.0.5:7471`; port 0 takes a free one. */
  readonly listen: string;
  readonly regions: readonly MappedRegion[];
  readonly hugePages?: boolean;
  readonly connectionsMax?: number;
  readonly pathMtuBytes?: number;
}

/** What a memory node says when it is ready, and when it ends. */
export interface MemoryNodeReady {
  readonly ready: string;
  readonly incarnation: number;
  readonly pid: number;
  readonly regions: readonly RegionSpec[];
}

export interface MemoryNodeReport {
  readonly connections: number;
  /**
   * User and system time of this process since it was ready: how passive it was. Without the thread that
   * acts for a fake device, as the kernel's soft interrupts that act for rdma_rxe are not in it either.
   */
  readonly cpuMicroseconds: number;
}

export class MemoryNode {
  readonly ready: MemoryNodeReady;
  readonly #native: Native;
  readonly #server: MemoryServer;
  readonly #memories: Memory[] = [];
  readonly #provider: ProviderOption;

  /** Maps and registers all regions, and listens. */
  constructor(options: MemoryNodeOptions) {
    const { host, port } = parseDestination(options.listen);
    const names = options.regions.map(({ name }) => name);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) {
      throw new FarsideError('FARSIDE_USAGE', `two regions are called ${twice}`);
    }
    this.#native = loadAddon();
    this.#provider = options;
    // 48 bits at random: no two starts of any nodes have the same.
    const incarnation = randomBytes(6).readUIntBE(0, 6);
    try {
      const regions = options.regions.map((region) => ({
        name: region.name,
        medium: region.medium,
        memory: this.#map(region, options.hugePages === true && region.file === undefined),
      }));
      this.#server = new MemoryServer(this.#native, {
        ...options,
        host,
        port,
        regions,
        incarnation,
      });
    } catch (error) {
      this.#unmap();
      throw error;
    }
    this.ready = {
      ready: `${host.includes(':') ? `[${host}]` : host}:${this.#server.port}`,
      incarnation,
      pid: process.pid,
      regions: options.regions.map(({ name, medium, sizeBytes }) => ({ name, medium, sizeBytes })),
    };
    this.#server.countCpu();
  }

  /** Goes once through what clients will cause, so that its CPU time is not counted; then it is ready. */
  async rehearse(): Promise<void> {
    await rehearse(this.#native, this.#server, parseDestination(this.ready.ready), this.#provider);
    this.#server.countCpu();
  }

  report(): MemoryNodeReport {
    const { connections, cpuMicroseconds } = this.#server;
    return { connections, cpuMicroseconds };
  }

  close(): void {
    this.#server.close();
    this.#unmap();
  }

  #map({ name, sizeBytes, file }: MappedRegion, hugePages: boolean): Memory {
    try {
      const memory = this.#native.mapMemory({
        lengthBytes: sizeBytes,
        hugePages,
        ...(file === undefined ? {} : { file }),
      });
      this.#memories.push(memory);
      return memory;
    } catch (error) {
      if (!isVerbsError(error)) throw error;
      const hint = hugePages
        ? '; sysctl vm.nr_hugepages says how many huge pages there are'
        : file?.startsWith('/dev/dax')
          ? "; its size must be a multiple of the device's alignment (2 MiB, see ndctl list)"
          : '';
      throw new FarsideError('FARSIDE_CAPACITY', `region ${name}: ${error.message}${hint}`, {
        cause: error,
      });
    }
  }

  #unmap(): void {
    for (const memory of this.#memories) this.#native.close(memory);
  }
}
