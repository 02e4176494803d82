import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { FarsideError } from '../core/errors.ts';
import type { LineSource } from '../workload/trace-line.ts';
import { type Compression, compressionOf, type Decoder, decoderFor } from './decompress.ts';
import { whyUnreadable } from './text-file.ts';

/** Bytes of the file taken at a time. */
const chunkBytes = 64 * 1024;

/** A line longer than this is no line of a trace. */
const lineBytesMax = 2 ** 20;

/**
 * The lines of a file, plain, gzip or zstd, read and decompressed as they are asked for: what is
 * held is one chunk and what came out of it. Synchronous, because an operation source is: a
 * simulated client cannot wait for a disk. Characters are bytes (Latin-1). Both `\n` and `\r\n` end
 * a line.
 */
export class LineReader implements LineSource {
  lineNumber = 0;
  readonly #file: string;
  #fileDescriptor: number;
  readonly #chunk = Buffer.alloc(chunkBytes);
  readonly #compression: Compression;
  readonly #decoder: Decoder;
  #position = 0;
  #text = '';
  #at = 0;
  /** Pieces of content that came out of the last chunk. */
  #fresh: string[] = [];

  constructor(file: string) {
    this.#file = file;
    try {
      this.#fileDescriptor = openSync(file, 'r');
    } catch (error) {
      throw new FarsideError('FARSIDE_USAGE', `${file}: ${whyUnreadable(error)}`);
    }
    const head = this.#chunk.subarray(0, readSync(this.#fileDescriptor, this.#chunk, 0, 16, 0));
    this.#compression = compressionOf(head);
    this.#refuseMisnamed();
    this.#decoder = decoderFor(this.#compression, this.#fileDescriptor, (bytes) => {
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      this.#fresh.push(buffer.toString('latin1'));
    });
  }

  next(): string | undefined {
    for (;;) {
      const end = this.#text.indexOf('\n', this.#at);
      if (end >= 0) return this.#line(end, end + 1);
      if (!this.#refill()) break;
    }
    if (this.#at >= this.#text.length) return undefined;
    return this.#line(this.#text.length, this.#text.length);
  }

  /** May be called before the end, and again. */
  close(): void {
    if (this.#fileDescriptor >= 0) closeSync(this.#fileDescriptor);
    this.#fileDescriptor = -1;
  }

  #line(end: number, next: number): string {
    const start = this.#at;
    this.#at = next;
    this.lineNumber++;
    const hasReturn = end > start && this.#text.charCodeAt(end - 1) === 13;
    return this.#text.slice(start, hasReturn ? end - 1 : end);
  }

  /** Appends more content to `#text`; false at the end of the file. */
  #refill(): boolean {
    const rest = this.#text.slice(this.#at);
    if (rest.length > lineBytesMax) {
      throw new FarsideError(
        'FARSIDE_INPUT',
        `${this.#file}:${this.lineNumber + 1}: a line longer than ${lineBytesMax} bytes`,
      );
    }
    if (this.#fileDescriptor < 0) return false;
    this.#fresh = [];
    const got = readSync(this.#fileDescriptor, this.#chunk, 0, chunkBytes, this.#position);
    this.#decode(got);
    this.#position += got;
    if (got === 0) this.close();
    this.#text = rest + this.#fresh.join('');
    this.#at = 0;
    return got > 0 || this.#fresh.length > 0;
  }

  #decode(got: number): void {
    try {
      // The libraries keep what they are given: they get bytes of their own.
      if (got > 0) this.#decoder.push(Uint8Array.prototype.slice.call(this.#chunk, 0, got));
      else this.#decoder.finish();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const { size } = fstatSync(this.#fileDescriptor);
      const after =
        this.lineNumber === 0 ? 'before the first line' : `after line ${this.lineNumber}`;
      throw new FarsideError(
        'FARSIDE_INPUT',
        `${this.#file}: ${this.#compression} data ${wordFor(got, reason)} near byte ` +
          `${Math.min(size, this.#position + got)} of ${size}, ${after} (${reason}); ` +
          'download it again, or replay what is whole of it with -p limit=LINES',
      );
    }
  }

  #refuseMisnamed(): void {
    const named = /\.gz$/i.test(this.#file) ? 'gzip' : /\.zst$/i.test(this.#file) ? 'zstd' : 'none';
    if (named === 'none' || named === this.#compression) return;
    throw new FarsideError(
      'FARSIDE_INPUT',
      `${this.#file}: truncated or corrupt: it does not begin as a ${named} file does`,
    );
  }
}

function wordFor(got: number, reason: string): string {
  return got === 0 && /EOF|end/i.test(reason) ? 'is truncated' : 'is corrupt';
}
