import type { ClusterMap } from '../../memory/cluster.ts';
import type { MemoryCpu } from '../job.ts';
import { CmHub } from './cm-hub.ts';
import { cpuMicrosecondsAt, type Destination, fenceAt } from './connect.ts';
import type { Native, ProviderOption } from './native.ts';

export interface MemoryCareOptions extends ProviderOption {
  /** Their CPU time is that of the whole process that asks. */
  readonly isOwn: boolean;
}

/** What the one who started a run asks of its memory nodes, by their connection managers. */
export class MemoryCare {
  readonly #hub: CmHub;
  readonly #map: ClusterMap;
  readonly #destinations: readonly Destination[];
  readonly #isOwn: boolean;
  #before: readonly number[] = [];
  #connected: readonly number[] = [];

  constructor(
    native: Native,
    map: ClusterMap,
    destinations: readonly Destination[],
    { isOwn, ...provider }: MemoryCareOptions,
  ) {
    this.#hub = new CmHub(native, provider);
    this.#hub.watch();
    this.#map = map;
    this.#destinations = destinations;
    this.#isOwn = isOwn;
  }

  /** CPU time counts from here. */
  async begin(): Promise<void> {
    if (!this.#isOwn) this.#before = await this.#cpuMicroseconds();
  }

  /** All nodes are connected: what follows is what verbs cost. */
  async connected(): Promise<void> {
    if (!this.#isOwn) this.#connected = await this.#cpuMicroseconds();
  }

  /** CPU time since `begin`. */
  async end(): Promise<readonly MemoryCpu[] | undefined> {
    if (this.#isOwn) return undefined;
    const after = await this.#cpuMicroseconds();
    return this.#map.withRole('memory').map(({ id, name }, i) => {
      const { host, port } = this.#destinations[id] as Destination;
      const before = this.#before[i] as number;
      return {
        node: name,
        at: `${host}:${port}`,
        cpuNs: ((after[i] as number) - before) * 1000,
        connectingNs: ((this.#connected[i] ?? before) - before) * 1000,
      };
    });
  }

  /** When it resolves, no verb of the incarnation takes effect on any memory node. */
  async fence(incarnation: number): Promise<void> {
    await Promise.all(this.#all((to) => fenceAt(this.#hub, to, incarnation)));
  }

  close(): void {
    this.#hub.close();
  }

  #cpuMicroseconds(): Promise<readonly number[]> {
    return Promise.all(this.#all((to) => cpuMicrosecondsAt(this.#hub, to)));
  }

  #all<T>(ask: (to: Destination) => Promise<T>): Promise<T>[] {
    return this.#map.withRole('memory').map(({ id }) => ask(this.#destinations[id] as Destination));
  }
}
