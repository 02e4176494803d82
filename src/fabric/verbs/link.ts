import type { Socket } from 'node:net';
import { deserialize, serialize } from 'node:v8';
import { FarsideError } from '../../core/errors.ts';

/**
 * Messages between two farside processes over one TCP connection. Each side first says who it is, in bytes
 * that every version understands; anyone may connect to a port, so nothing else is read before that.
 *
 *   0       4          6         7            8              8 + n
 *   +-------+----------+---------+------------+--------------+
 *   | magic | protocol | Node's  | bytes of   | farside's    |     then messages:
 *   | FSJ1  | version  | major   | version, n | version      |     | length, 4 B | structured clone |
 *   +-------+----------+---------+------------+--------------+
 *
 * All numbers little-endian. The structured clone is V8's own, which is why both sides run one Node major.
 */
const magic = 'FSJ1';
const protocol = 1;
const headBytes = 8;
const frameBytesMax = 256 << 20;
/**
 * A message that says nothing goes out so often; who says nothing for so many beats is gone. Beats of this
 * side are counted and not time, because a machine that stood still has heard nobody.
 */
const beatMs = 1000;
const silentBeatsMax = 20;

export interface LinkEnds {
  message(message: unknown): void;
  /** Called once; `why` in words that go on after "cn1: ". */
  closed(why: FarsideError): void;
}

export class Link {
  readonly #socket: Socket;
  readonly #version: string;
  #ends: LinkEnds;
  #in: Buffer[] = [];
  #inBytes = 0;
  #isOpen = false;
  #isClosed = false;
  #silentBeats = 0;
  readonly #beat: NodeJS.Timeout;

  constructor(socket: Socket, version: string, ends: LinkEnds) {
    this.#socket = socket;
    this.#version = version;
    this.#ends = ends;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => {});
    socket.on('close', () => this.#end('the connection ended'));
    socket.write(head(version));
    this.#beat = setInterval(() => this.#onBeat(), beatMs);
    this.#beat.unref();
  }

  /** From now on somebody else hears. */
  handTo(ends: LinkEnds): void {
    this.#ends = ends;
  }

  send(message: unknown): void {
    if (this.#isClosed) return;
    const body = serialize(message);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(body.length);
    this.#socket.cork();
    this.#socket.write(length);
    this.#socket.write(body);
    this.#socket.uncork();
  }

  /** What was sent still goes out. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#beat);
    this.#socket.end();
    // Who does not end its own side is not waited for.
    setTimeout(() => this.#socket.destroy(), beatMs).unref();
  }

  #onBeat(): void {
    if (++this.#silentBeats > silentBeatsMax) {
      this.#fail(`nothing came from it for ${(silentBeatsMax * beatMs) / 1000} s`);
    } else if (this.#isOpen) this.send(undefined);
  }

  #read(chunk: Buffer): void {
    this.#silentBeats = 0;
    this.#in.push(chunk);
    this.#inBytes += chunk.length;
    try {
      if (!this.#isOpen && !this.#readHead()) return;
      for (;;) {
        const message = this.#take();
        if (message === nothing || this.#isClosed) return;
        if (message !== undefined) this.#ends.message(message);
      }
    } catch (error) {
      if (error instanceof FarsideError) this.#fail(error);
      else throw error;
    }
  }

  #readHead(): boolean {
    if (this.#inBytes < headBytes) return false;
    const bytes = Buffer.concat(this.#in);
    this.#in = [bytes];
    if (bytes.toString('latin1', 0, 4) !== magic) {
      throw new FarsideError('FARSIDE_USAGE', 'what is at the other end is no farside');
    }
    const end = headBytes + (bytes[7] as number);
    if (bytes.length < end) return false;
    const theirs = {
      protocol: bytes.readUInt16LE(4),
      node: bytes[6] as number,
      version: bytes.toString('utf8', headBytes, end),
    };
    refuseOther(theirs, this.#version);
    this.#in = [bytes.subarray(end)];
    this.#inBytes -= end;
    this.#isOpen = true;
    return true;
  }

  #take(): unknown {
    if (this.#inBytes < 4) return nothing;
    if ((this.#in[0] as Buffer).length < 4) this.#in = [Buffer.concat(this.#in)];
    const length = (this.#in[0] as Buffer).readUInt32LE(0);
    if (length > frameBytesMax) {
      throw new FarsideError('FARSIDE_USAGE', `it sent a message of ${length} B`);
    }
    if (this.#inBytes < 4 + length) return nothing;
    const bytes = this.#in.length === 1 ? (this.#in[0] as Buffer) : Buffer.concat(this.#in);
    this.#in = [bytes.subarray(4 + length)];
    this.#inBytes -= 4 + length;
    try {
      return deserialize(bytes.subarray(4, 4 + length)) as unknown;
    } catch (cause) {
      throw new FarsideError('FARSIDE_USAGE', 'it sent what is no message', { cause });
    }
  }

  #fail(why: string | FarsideError): void {
    this.#end(why);
    this.close();
  }

  #end(why: string | FarsideError): void {
    clearInterval(this.#beat);
    if (this.#isClosed) return;
    this.#isClosed = true;
    const error = typeof why === 'string' ? new FarsideError('FARSIDE_TIMEOUT', why) : why;
    this.#ends.closed(error);
  }
}

const nothing = Symbol('nothing');

export const nodeMajor = Number(process.versions.node.split('.')[0]);

function head(version: string): Buffer {
  const text = Buffer.from(version);
  const bytes = Buffer.alloc(headBytes);
  bytes.write(magic, 'latin1');
  bytes.writeUInt16LE(protocol, 4);
  bytes[6] = nodeMajor;
  bytes[7] = text.length;
  return Buffer.concat([bytes, text]);
}

interface Version {
  readonly protocol: number;
  readonly node: number;
  readonly version: string;
}

function refuseOther(theirs: Version, version: string): void {
  if (theirs.protocol !== protocol || theirs.version !== version) {
    throw new FarsideError(
      'FARSIDE_USAGE',
      `it is farside ${theirs.version}, and this is ${version}: run the same version on both`,
    );
  }
  if (theirs.node !== nodeMajor) {
    throw new FarsideError(
      'FARSIDE_USAGE',
      `it runs on Node ${theirs.node}, and this one on Node ${nodeMajor}: use the same on both`,
    );
  }
}
