export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** `node0:7500`, `10.0.0.5:7500` or `[fe80::1]:7500`; undefined where it is none of these. */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) return undefined;
  return { host: (match[1] ?? match[2]) as string, port };
}
