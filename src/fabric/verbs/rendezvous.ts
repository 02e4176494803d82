import type { ChildProcess } from 'node:child_process';
import { createServer, type Server, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { FarsideError } from '../../core/errors.ts';
import { plainError } from '../shared/plain-error.ts';
import { ownClockId } from './clock-offset.ts';
import type { Introduction, Reception } from './joined-node.ts';
import { Link } from './link.ts';
import { Member } from './member.ts';
import { type JoinableRole, joinableRoles } from './roles.ts';

export interface RendezvousOptions {
  /** Where to listen; port 0 takes a free one. */
  readonly host: string;
  readonly port: number;
  readonly version: string;
  /** How many nodes of each role the runs need at most: more are sent away. */
  readonly wanted: ReadonlyMap<JoinableRole, number>;
  readonly waitMs: number;
  /** Why nodes of other hosts are sent away; absent: they may come. */
  readonly onlyHere?: string | undefined;
  /** Hears who is still waited for, and who was sent away: a line each. */
  readonly onNews?: (text: string) => void;
  /** Starts a node on this host; without it others start them (ssh, srun). */
  readonly start?: (role: JoinableRole, at: string) => ChildProcess;
}

interface Waiting {
  readonly needed: ReadonlyMap<JoinableRole, number>;
  readonly resolve: () => void;
  readonly reject: (error: FarsideError) => void;
}

/**
 * Where the nodes of runs come together: listens, lets in who is wanted, measures their clocks, and hands
 * them out to one run after another. Whoever comes with another version, or in a role that nobody needs, is
 * told so and sent away, and the others do not notice.
 */
export class Rendezvous {
  readonly #options: RendezvousOptions;
  readonly #server: Server;
  readonly #members: Member[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #children = new Set<ChildProcess>();
  #waiting: Waiting | undefined;
  #isAborted = false;
  /** Whoever asks for members waits for those who asked before. */
  #before: Promise<unknown> = Promise.resolve();

  private constructor(options: RendezvousOptions, server: Server) {
    this.#options = options;
    this.#server = server;
    server.on('connection', (socket) => this.#meet(socket));
  }

  /** FARSIDE_USAGE where the address is not to be had. */
  static async open(options: RendezvousOptions): Promise<Rendezvous> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(options, error)));
      server.listen({ host: options.host, port: options.port }, resolve);
    });
    return new Rendezvous(options, server);
  }

  /** `HOST:PORT`, for those who join. */
  get at(): string {
    const address = this.#server.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    return `${this.#options.host}:${port}`;
  }

  /** Whether a node that is lost can be started again. */
  get canStart(): boolean {
    return this.#options.start !== undefined;
  }

  /**
   * One free member for each role named, in that order; FARSIDE_TIMEOUT says who did not come. They are
   * the caller's until it releases them.
   */
  members(roles: readonly JoinableRole[]): Promise<Member[]> {
    const members = this.#before.then(() => this.#gather(roles));
    this.#before = members.catch(() => {});
    return members;
  }

  async #gather(roles: readonly JoinableRole[]): Promise<Member[]> {
    const needed = counts(roles);
    for (const [role, count] of needed) {
      const missing = count - this.#free(role).length;
      for (let i = 0; i < missing; i++) this.#start(role);
    }
    if (this.#missing(needed) !== '') await this.#wait(needed);
    const taken: Member[] = [];
    for (const role of roles) {
      const member = this.#free(role)[0] as Member;
      member.takePart({ message: () => {}, gone: () => {} });
      taken.push(member);
    }
    return taken;
  }

  /** Whoever waits for members waits no longer, now or later. */
  abort(): void {
    this.#isAborted = true;
    this.#waiting?.reject(this.#waitedNoLonger());
  }

  close(): void {
    this.#server.close();
    for (const member of this.#members) member.dismiss();
    const goneMs = 1000;
    const children = [...this.#children];
    setTimeout(() => {
      for (const child of children) child.kill('SIGKILL');
    }, goneMs).unref();
    for (const socket of this.#sockets) socket.unref();
  }

  async #wait(needed: Waiting['needed']): Promise<void> {
    const { waitMs, onNews } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        if (this.#isAborted) throw this.#waitedNoLonger();
        this.#waiting = { needed, resolve, reject };
        timer = setTimeout(() => reject(this.#nobodyCame(needed)), waitMs);
        onNews?.(`waiting at ${this.at} for ${this.#missing(needed)}`);
      });
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
    }
  }

  #waitedNoLonger(): FarsideError {
    return new FarsideError('FARSIDE_TIMEOUT', `${this.at}: waited no longer`);
  }

  #nobodyCame(needed: Waiting['needed']): FarsideError {
    const next = this.canStart
      ? ''
      : `: start each with farside node --role ROLE --join ${this.at}`;
    return new FarsideError(
      'FARSIDE_TIMEOUT',
      `${this.at}: ${this.#missing(needed)} did not join within ${this.#options.waitMs / 1000} s${next}`,
    );
  }

  /** `1 of 2 compute, coordinator`; empty where all are here. */
  #missing(needed: Waiting['needed']): string {
    return [...needed]
      .filter(([role, count]) => this.#free(role).length < count)
      .map(([role, count]) => {
        const missing = count - this.#free(role).length;
        return count === 1 ? role : `${missing} of ${count} ${role}`;
      })
      .join(', ');
  }

  #free(role: JoinableRole): Member[] {
    return this.#members.filter((member) => member.role === role && !member.isBusy);
  }

  #start(role: JoinableRole): void {
    const child = this.#options.start?.(role, this.at);
    if (child === undefined) return;
    this.#children.add(child);
    child.once('exit', (code, signal) => {
      this.#children.delete(child);
      const isMember = this.#members.some(({ pid }) => pid === child.pid);
      if (isMember || this.#waiting === undefined) return;
      const why = `a ${role} node ended before it joined (${signal ?? `exit code ${code}`})`;
      this.#waiting.reject(new FarsideError('FARSIDE_TIMEOUT', why));
    });
  }

  // Those who come ----------------------------------------------------------------------------

  #meet(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    const link = new Link(socket, this.#options.version, {
      message: (message) => this.#receive(link, message as Introduction),
      closed: (why) => {
        // A scanner of ports is nobody's business; a farside of another version is.
        if (why.code === 'FARSIDE_USAGE') this.#tell(`sent away from ${this.at}: ${why.message}`);
      },
    });
  }

  #tell(text: string): void {
    if (this.#waiting !== undefined) this.#options.onNews?.(text);
  }

  #receive(link: Link, introduction: Introduction): void {
    const why = this.#unwanted(introduction);
    if (why !== undefined) {
      const error = plainError(new FarsideError('FARSIDE_USAGE', why));
      link.send({ kind: 'refused', error } satisfies Reception);
      link.close();
      if (this.#isFar(introduction)) this.#tell(`sent away from ${this.at}: ${why}`);
      return;
    }
    const member = new Member(link, introduction, () => {
      this.#members.splice(this.#members.indexOf(member), 1);
    });
    member.child = [...this.#children].find(({ pid }) => pid === member.pid);
    void this.#admit(member);
  }

  async #admit(member: Member): Promise<void> {
    member.tell({ kind: 'welcome' });
    // Until then it is no member: a clock that nobody has measured is of no use to a run.
    member.takePart({ message: () => {}, gone: () => {} });
    this.#members.push(member);
    member.clock = await member.measureClock();
    member.release();
    const waiting = this.#waiting;
    if (member.isGone || waiting === undefined) return;
    const missing = this.#missing(waiting.needed);
    if (missing === '') waiting.resolve();
    else this.#options.onNews?.(`waiting at ${this.at} for ${missing}`);
  }

  /** Two boots are two hosts, whatever they are called, and so are two names. */
  #isFar({ host, clockId }: Introduction): boolean {
    return (
      this.#options.onlyHere !== undefined && (host !== hostname() || clockId !== ownClockId())
    );
  }

  #unwanted(introduction: Introduction): string | undefined {
    const { kind, role, host } = introduction;
    if (kind !== 'introduction' || !joinableRoles.includes(role)) {
      return 'it did not say which role it has';
    }
    const { wanted, onlyHere } = this.#options;
    if (this.#isFar(introduction)) return `a node on host ${host} cannot take part: ${onlyHere}`;
    const all = [...wanted].map(([name, count]) => `${count} ${name}`).join(', ');
    const most = wanted.get(role) ?? 0;
    if (most === 0) return `this run has no node of role ${role} (it needs ${all})`;
    const here = this.#members.filter((member) => member.role === role).length;
    return here < most ? undefined : `all ${role} nodes are there already (it needs ${all})`;
  }
}

export function counts(roles: readonly JoinableRole[]): Map<JoinableRole, number> {
  const counted = new Map<JoinableRole, number>();
  for (const role of roles) counted.set(role, (counted.get(role) ?? 0) + 1);
  return counted;
}

function listenError(
  { host, port }: RendezvousOptions,
  error: NodeJS.ErrnoException,
): FarsideError {
  const next: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another process listens there; choose another port',
    EADDRNOTAVAIL: 'no interface of this host has that address',
    EACCES: 'this user may not listen there; choose a port above 1023',
    ENOTFOUND: 'there is no host of that name',
  };
  const why = next[error.code ?? ''] ?? error.message;
  return new FarsideError('FARSIDE_USAGE', `cannot listen at ${host}:${port}: ${why}`);
}
