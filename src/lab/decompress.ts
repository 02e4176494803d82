import { readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { Gunzip } from 'fflate';
import { Decompress } from 'fzstd';
import { FarsideError } from '../core/errors.ts';

/** Takes a file's bytes in order and hands on its content; `finish` once there are no more. */
export interface Decoder {
  push(bytes: Uint8Array): void;
  finish(): void;
}

export type Compression = 'none' | 'gzip' | 'zstd';

/** What the first bytes of a file say; names are not asked, since they lie. */
export function compressionOf(head: Uint8Array): Compression {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  const magic = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.length < 4) return 'none';
  const word = magic.getUint32(0, true);
  // Also the sixteen magics of skippable frames, which may come first.
  const isZstd = word === 0xfd2fb528 || (word & 0xfffffff0) >>> 0 === 0x184d2a50;
  return isZstd ? 'zstd' : 'none';
}

/** Content goes to `onData` in pieces, synchronously, while `push` runs. */
export function decoderFor(
  compression: Compression,
  fileDescriptor: number,
  onData: (bytes: Uint8Array) => void,
): Decoder {
  switch (compression) {
    case 'none':
      return { push: onData, finish: () => undefined };
    case 'gzip':
      return new GzipDecoder(fileDescriptor, onData);
    case 'zstd':
      return new ZstdDecoder(onData);
  }
}

/** Files of several frames are read to their end. A frame's own checksum is not verified. */
class ZstdDecoder implements Decoder {
  readonly #stream: Decompress;

  constructor(onData: (bytes: Uint8Array) => void) {
    this.#stream = new Decompress((bytes) => onData(bytes));
  }

  push(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#stream.push(bytes);
  }

  finish(): void {
    this.#stream.push(new Uint8Array(0), true);
  }
}

/**
 * Files of several members are read to their end. The library does not look at a member's trailer
 * (CRC-32 and length of the content), and takes a file that ends in or before the last one for
 * whole: so each trailer is read from the file itself and compared.
 */
class GzipDecoder implements Decoder {
  readonly #fileDescriptor: number;
  readonly #stream: Gunzip;
  #pushed = 0;
  #crc = 0;
  #contentBytes = 0;

  constructor(fileDescriptor: number, onData: (bytes: Uint8Array) => void) {
    this.#fileDescriptor = fileDescriptor;
    this.#stream = new Gunzip((bytes) => {
      this.#crc = crc32(bytes, this.#crc);
      this.#contentBytes += bytes.length;
      onData(bytes);
    });
    this.#stream.onmember = (start) => this.#closeMember(start);
  }

  push(bytes: Uint8Array): void {
    this.#pushed += bytes.length;
    this.#stream.push(bytes);
  }

  finish(): void {
    this.#stream.push(new Uint8Array(0), true);
    this.#closeMember(this.#pushed);
  }

  /** `end`: the file position after the trailer. */
  #closeMember(end: number): void {
    const trailer = Buffer.alloc(8);
    const got = end < 18 ? 0 : readSync(this.#fileDescriptor, trailer, 0, 8, end - 8);
    const right =
      got === 8 &&
      trailer.readUInt32LE(0) === this.#crc &&
      trailer.readUInt32LE(4) === this.#contentBytes % 2 ** 32;
    if (!right)
      throw new FarsideError('FARSIDE_INPUT', 'unexpected EOF: length or checksum differ');
    this.#crc = 0;
    this.#contentBytes = 0;
  }
}
