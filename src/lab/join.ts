import { hostname } from 'node:os';
import { FarsideError } from '../core/errors.ts';
import { type JoinableRole, joinRuns } from '../fabric/index.ts';
import { parseHostPort } from './host-port.ts';
import { farsideVersion } from './package.ts';
import { inlineMore } from './tune.ts';

export interface JoinAs {
  readonly role: JoinableRole;
  /** `HOST:PORT`, where `farside run --listen` waits. */
  readonly at: string;
  /** How long nobody may listen there. Default 10 s. */
  readonly waitMs?: number | undefined;
  readonly onJoined?: () => void;
}

const waitMsDefault = 10_000;

/** This process is one node of the runs of somebody else; gives how many it took part in. */
export async function joinAs({ role, at, waitMs, onJoined }: JoinAs): Promise<number> {
  inlineMore();
  const address = parseHostPort(at);
  if (address === undefined) {
    const expected = 'expected a host and a port, such as node0:7500 or 10.0.0.5:7500';
    throw new FarsideError('FARSIDE_USAGE', `--join ${at}: ${expected}`);
  }
  return await joinRuns({
    at: address,
    role,
    version: farsideVersion,
    hostName: hostname(),
    waitMs: waitMs ?? waitMsDefault,
    ...(onJoined === undefined ? {} : { onJoined }),
  });
}
