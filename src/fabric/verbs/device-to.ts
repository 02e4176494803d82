import { FarsideError } from '../../core/errors.ts';
import { CmHub } from './cm-hub.ts';
import type { Destination } from './connect.ts';
import { connectionDefaults } from './connection-options.ts';
import { isVerbsError, type Native, type ProviderOption } from './native.ts';

/** The device of this host that leads to an address; FARSIDE_USAGE where none does. */
export async function deviceTo(
  native: Native,
  { host, port }: Destination,
  options: ProviderOption,
): Promise<string> {
  const hub = new CmHub(native, options);
  hub.watch();
  try {
    return await new Promise<string>((resolve, reject) => {
      const refuse = (): void =>
        reject(
          new FarsideError(
            'FARSIDE_USAGE',
            `no RDMA device of this host has a route to the memory node at ${host}:${port}: ` +
              'farside doctor shows which devices there are',
          ),
        );
      const id = hub.createId(({ event }) => {
        const { device } = event === 'ADDR_RESOLVED' ? native.queryId(id) : {};
        if (device === undefined) refuse();
        else resolve(device);
      });
      try {
        native.resolveAddr(id, host, port, connectionDefaults.connectTimeoutMs);
      } catch (error) {
        if (isVerbsError(error)) refuse();
        else reject(error as Error);
      }
    });
  } finally {
    hub.close();
  }
}
