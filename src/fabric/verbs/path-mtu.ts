import { FarsideError } from '../../core/errors.ts';
import type { Device, Native } from './native.ts';

/**
 * FARSIDE_USAGE where the device cannot carry packets of that size. A port whose interface has Ethernet's
 * usual MTU of 1500 B carries RDMA packets of 1024 B.
 */
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
