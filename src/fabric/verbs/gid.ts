import { FarsideError } from '../../core/errors.ts';
import type { Device, Native } from './native.ts';

export interface ChosenGid {
  readonly index: number;
  readonly gid: Buffer;
}

/** ::ffff:a.b.c.d, as the GID of an interface with an IPv4 address. */
function isMappedIpv4(gid: Buffer): boolean {
  return gid.readBigUInt64BE(0) === 0n && gid.readUInt32BE(8) === 0xffff;
}

/**
 * The GID of that index; without one, the first that RoCE v2 routes over IPv4, else the first of RoCE v2,
 * else the first there is. A wrong index is the commonest fault of a RoCE set-up ("failed to modify QP to
 * RTR"), so an explicit one that is empty is refused with those that are not. FARSIDE_USAGE.
 */
export function chooseGid(native: Native, device: Device, port = 1, wanted?: number): ChosenGid {
  const length = native.queryPort(device, port).gidTableLength;
  const found: { index: number; gid: Buffer; type: string }[] = [];
  for (let index = 0; index < Math.min(length, 256); index++) {
    const entry = native.queryGid(device, port, index);
    if (entry !== undefined) found.push({ index, ...entry });
  }
  const chosen =
    wanted !== undefined
      ? found.find(({ index }) => index === wanted)
      : (found.find(({ type, gid }) => type === 'roce_v2' && isMappedIpv4(gid)) ??
        found.find(({ type }) => type === 'roce_v2') ??
        found[0]);
  if (chosen !== undefined) return chosen;
  const { name } = native.queryDevice(device);
  const there = found.map(({ index, type }) => `${index} (${type})`).join(', ');
  throw new FarsideError(
    'FARSIDE_USAGE',
    `${name} port ${port} has no GID ${wanted ?? ''}: ` +
      (there === '' ? 'give its network interface an address' : `choose one of ${there}`),
  );
}
