import { randomInt } from 'node:crypto';
import { FarsideError } from '../../core/errors.ts';
import type { CmHub } from './cm-hub.ts';
import {
  type ConnectionOptions,
  connectionDefaults,
  overruled,
  wantedDepth,
} from './connection-options.ts';
import {
  answerCode,
  decodeAnswer,
  encodeHello,
  type Hello,
  helloKind,
  type Refusal,
  refusalError,
  type Welcome,
} from './handshake.ts';
import { type CmEvent, type CmId, isVerbsError, type Native, type Qp } from './native.ts';

export interface Destination {
  /** In numbers: 10.0.0.5, or an IPv6 address. */
  readonly host: string;
  readonly port: number;
}

/** `10.0.0.5:7471` or `[fe80::1]:7471`; FARSIDE_USAGE where it is neither. */
export function parseDestination(text: string): Destination {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) {
    throw new FarsideError(
      'FARSIDE_USAGE',
      `${text}: expected an address and a port, such as 10.0.0.5:7471 or [fe80::1]:7471`,
    );
  }
  return { host: (match[1] ?? match[2]) as string, port };
}

export interface Connected {
  readonly qp: Qp;
  readonly welcome: Welcome;
  /** Closes the queue pair, then tells the other side. */
  close(): void;
  /**
   * Called when the connection is at its end, in a few words why: the other side ended it, after which verbs
   * end by themselves, or the device is gone, after which they do not.
   */
  onEnd(callback: (why: string) => void): void;
}

export interface ConnectRequest extends Destination, ConnectionOptions {
  /** Of this node, by which it can be fenced. */
  readonly incarnation: number;
  /** Makes the queue pair, once it is known which device leads there. */
  readonly queuePair: (device: string) => Qp;
}

/** Connects to a memory node; FARSIDE_TIMEOUT, FARSIDE_USAGE, FARSIDE_LIMIT say what was in the way. */
export function connectQueuePair(hub: CmHub, request: ConnectRequest): Promise<Connected> {
  return new Promise((resolve, reject) => {
    new Attempt(
      hub,
      request,
      { kind: helloKind.data, incarnation: request.incarnation },
      {
        connected: resolve,
        answered: (refusal) => reject(refusalError(whereOf(request), refusal)),
        failed: reject,
      },
    ).start();
  });
}

/** Ends an incarnation at a memory node: when it resolves, no verb of it takes effect there any more. */
export async function fenceAt(hub: CmHub, to: Destination, incarnation: number): Promise<void> {
  await ask(hub, to, { kind: helloKind.fence, incarnation }, answerCode.fenced);
}

/** CPU time that the memory node has used since it was ready, in microseconds. */
export async function cpuMicrosecondsAt(hub: CmHub, to: Destination): Promise<number> {
  return (await ask(hub, to, { kind: helloKind.report, incarnation: 0 }, answerCode.report)).value;
}

function ask(hub: CmHub, to: Destination, hello: Hello, expected: number): Promise<Refusal> {
  return new Promise((resolve, reject) => {
    new Attempt(hub, to, hello, {
      connected: () => reject(refusalError(whereOf(to), { code: 0, version: 0, value: 0 })),
      answered: (refusal) =>
        refusal.code === expected ? resolve(refusal) : reject(refusalError(whereOf(to), refusal)),
      failed: reject,
    }).start();
  });
}

interface AttemptEnds {
  connected(connected: Connected): void;
  answered(refusal: Refusal): void;
  failed(error: unknown): void;
}

const whereOf = ({ host, port }: Destination): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** Events by which an established connection ends. */
const connectionEnds: Readonly<Record<string, string>> = {
  DISCONNECTED: 'the node ended the connection',
  DEVICE_REMOVAL: 'the RDMA device was removed',
};

/** RoCE's way to say that nobody listens there: "invalid service id". */
const noSuchService = 8;

/**
 * The number that a question gives for the queue pair that it does not have. The connection manager refuses
 * one that another connection of this device has as stale (status 10), so two questions to memory nodes
 * of one host, asked at once, must differ, and so must those of two processes here: drawn from the upper
 * half of the 24 bits, where devices come last.
 */
function questionQpNum(): number {
  return randomInt(2 ** 23, 2 ** 24 - 1);
}

/**
 * One way to a connection: resolve address, resolve route, queue pair, request, answer. It ends once, by
 * the first thing that goes wrong or right, and then leaves nothing open that it does not hand over.
 */
class Attempt {
  readonly #hub: CmHub;
  readonly #native: Native;
  readonly #to: Destination & ConnectionOptions & Partial<ConnectRequest>;
  readonly #hello: Hello;
  readonly #ends: AttemptEnds;
  readonly #timeoutMs: number;
  #id: CmId | undefined;
  #qp: Qp | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;
  #onEnd: (why: string) => void = () => {};

  constructor(hub: CmHub, to: Destination & ConnectionOptions, hello: Hello, ends: AttemptEnds) {
    this.#hub = hub;
    this.#native = hub.native;
    this.#to = to;
    this.#hello = hello;
    this.#ends = ends;
    this.#timeoutMs = to.connectTimeoutMs ?? connectionDefaults.connectTimeoutMs;
  }

  start(): void {
    this.#timer = setTimeout(
      () => this.#fail('FARSIDE_TIMEOUT', `no answer within ${this.#timeoutMs} ms`),
      this.#timeoutMs,
    );
    // The channel keeps its loop alive while it is watched; a thread that has closed it need not wait.
    this.#timer.unref();
    this.#guard(() => {
      this.#id = this.#hub.createId((event) => this.#guard(() => this.#hear(event)));
      this.#native.resolveAddr(this.#id, this.#to.host, this.#to.port, this.#timeoutMs);
    });
  }

  #hear(event: CmEvent): void {
    const id = this.#id as CmId;
    if (this.#ended) {
      const why = connectionEnds[event.event];
      if (why !== undefined) this.#onEnd(why);
      return;
    }
    switch (event.event) {
      case 'ADDR_RESOLVED':
        this.#native.resolveRoute(id, this.#timeoutMs);
        break;
      case 'ROUTE_RESOLVED':
        this.#request(id);
        break;
      case 'CONNECT_RESPONSE':
        this.#answered(id, event);
        break;
      case 'REJECTED':
        this.#rejected(event);
        break;
      case 'ADDR_ERROR':
      case 'ROUTE_ERROR':
        this.#fail('FARSIDE_USAGE', 'no RDMA device here has a route to it: is the address right?');
        break;
      default:
        this.#fail('FARSIDE_TIMEOUT', `no connection (${event.event}, status ${event.status})`);
    }
  }

  #request(id: CmId): void {
    const depth = wantedDepth(this.#to);
    this.#qp = this.#to.queuePair?.(this.#native.queryId(id).device as string);
    // A question needs no queue pair; its number is one that the answer never uses.
    let qpNum = questionQpNum();
    if (this.#qp !== undefined) {
      qpNum = this.#native.queryQp(this.#qp).qpNum;
      this.#native.modifyQpById(this.#qp, id, { state: 'init' });
    }
    this.#native.connect(id, {
      qpNum,
      privateData: encodeHello(this.#hello),
      responderResources: depth,
      initiatorDepth: depth,
      retryCount: this.#to.retryCnt ?? connectionDefaults.retryCnt,
    });
  }

  #answered(id: CmId, event: CmEvent): void {
    const answer = decodeAnswer(event.privateData);
    if (answer === undefined || 'code' in answer || this.#qp === undefined) {
      this.#fail('FARSIDE_USAGE', 'what listens there is no farside memory node');
      return;
    }
    const qp = this.#qp;
    const attributes = overruled(this.#to);
    this.#native.modifyQpById(qp, id, { state: 'rtr', ...attributes });
    this.#native.modifyQpById(qp, id, { state: 'rts', ...attributes });
    this.#native.establish(id);
    this.#end();
    this.#ends.connected({
      qp,
      welcome: answer,
      close: () => {
        this.#native.close(qp);
        this.#hub.drop(id);
      },
      onEnd: (callback) => {
        this.#onEnd = callback;
      },
    });
  }

  #rejected(event: CmEvent): void {
    const answer = decodeAnswer(event.privateData);
    if (answer !== undefined && 'code' in answer) {
      this.#end();
      this.#clean();
      this.#ends.answered(answer);
      return;
    }
    const nobody = event.status === noSuchService;
    this.#fail(
      nobody ? 'FARSIDE_USAGE' : 'FARSIDE_TIMEOUT',
      nobody
        ? 'nobody listens there: start farside memory-node --listen with that address'
        : `the connection was rejected (status ${event.status})`,
    );
  }

  #fail(code: 'FARSIDE_USAGE' | 'FARSIDE_TIMEOUT', why: string): void {
    this.#failWith(new FarsideError(code, `${whereOf(this.#to)}: ${why}`));
  }

  #failWith(error: unknown): void {
    if (this.#ended) return;
    this.#end();
    this.#clean();
    this.#ends.failed(error);
  }

  /** What a verb refuses ends the attempt, with the address that it was for. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      const where = whereOf(this.#to);
      this.#failWith(
        isVerbsError(error)
          ? new FarsideError('FARSIDE_USAGE', `${where}: ${error.message}`, { cause: error })
          : error,
      );
    }
  }

  #end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #clean(): void {
    if (this.#qp !== undefined) this.#native.close(this.#qp);
    if (this.#id !== undefined) this.#hub.drop(this.#id);
  }
}
