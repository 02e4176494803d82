import { FarsideError } from '../../core/errors.ts';
import { layout, u16, u32, u53, u64 } from '../../core/layout.ts';

/**
 * What the two sides of a connection say to each other before there is one, in the private data of rdma_cm,
 * which takes 56 bytes with a request and 196 with an answer. Little-endian:
 *
 *   hello       0       4         6      8                            the one who connects
 *               +-------+---------+------+-------------+
 *               | magic | version | kind | incarnation |
 *               +-------+---------+------+-------------+
 *   welcome     0       4         6      8             16                  24                 28
 *               +-------+---------+------+-------------+-------------------+------------------+------+
 *               | magic | version | code | incarnation | directory address | directory length | rkey |
 *               +-------+---------+------+-------------+-------------------+------------------+------+
 *   refusal     as welcome up to 8, code not 0; then a number that the code gives a meaning
 *
 * The magic and the version lie where every version will have them. The addon reads hellos and writes
 * refusals (native/server.cc).
 */
const protocolVersion = 1;
const magic = 0x31445346; // "FSD1"

/** `data` asks for a queue pair; the others are questions, which a refusal answers. */
export const helloKind = { data: 0, fence: 1, report: 2 } as const;
export type HelloKind = (typeof helloKind)[keyof typeof helloKind];

export const answerCode = {
  welcome: 0,
  notFarside: 1,
  otherVersion: 2,
  fencedOff: 3,
  tooMany: 4,
  failed: 5,
  /** Answers to `fence` and `report`. */
  fenced: 6,
  report: 7,
} as const;
export type AnswerCode = (typeof answerCode)[keyof typeof answerCode];

const hello = layout('hello', { magic: u32, version: u16, kind: u16, incarnation: u53 });
const answer = layout('answer', { magic: u32, version: u16, code: u16, value: u53 });
const welcome = layout('welcome', {
  magic: u32,
  version: u16,
  code: u16,
  incarnation: u53,
  directory: u64,
  directoryBytes: u32,
  rkey: u32,
});

export interface Hello {
  readonly kind: HelloKind;
  /** Of the one who connects; for `fence`, the one to end. */
  readonly incarnation: number;
}

export interface Welcome {
  readonly incarnation: number;
  readonly directory: {
    readonly address: bigint;
    readonly lengthBytes: number;
    readonly rkey: number;
  };
}

export interface Refusal {
  readonly code: AnswerCode;
  readonly version: number;
  readonly value: number;
}

export function encodeHello({ kind, incarnation }: Hello): Buffer {
  const bytes = Buffer.alloc(hello.sizeBytes);
  hello.field.magic.set(bytes, 0, magic);
  hello.field.version.set(bytes, 0, protocolVersion);
  hello.field.kind.set(bytes, 0, kind);
  hello.field.incarnation.set(bytes, 0, incarnation);
  return bytes;
}

export function encodeWelcome({ incarnation, directory }: Welcome): Buffer {
  const bytes = Buffer.alloc(welcome.sizeBytes);
  welcome.field.magic.set(bytes, 0, magic);
  welcome.field.version.set(bytes, 0, protocolVersion);
  welcome.field.code.set(bytes, 0, answerCode.welcome);
  welcome.field.incarnation.set(bytes, 0, incarnation);
  welcome.field.directory.set(bytes, 0, directory.address);
  welcome.field.directoryBytes.set(bytes, 0, directory.lengthBytes);
  welcome.field.rkey.set(bytes, 0, directory.rkey);
  return bytes;
}

export function encodeRefusal(code: AnswerCode, value = 0): Buffer {
  const bytes = Buffer.alloc(answer.sizeBytes);
  answer.field.magic.set(bytes, 0, magic);
  answer.field.version.set(bytes, 0, protocolVersion);
  answer.field.code.set(bytes, 0, code);
  answer.field.value.set(bytes, 0, value);
  return bytes;
}

/** Undefined where the bytes are nobody's of ours; a transport may have padded them with zeros. */
export function decodeAnswer(bytes: Uint8Array | undefined): Welcome | Refusal | undefined {
  if (bytes === undefined || bytes.length < answer.sizeBytes) return undefined;
  if (answer.field.magic.get(bytes, 0) !== magic) return undefined;
  const version = answer.field.version.get(bytes, 0);
  const code = answer.field.code.get(bytes, 0) as AnswerCode;
  if (version !== protocolVersion || code !== answerCode.welcome) {
    return { code, version, value: answer.field.value.get(bytes, 0) };
  }
  if (bytes.length < welcome.sizeBytes) return undefined;
  return {
    incarnation: welcome.field.incarnation.get(bytes, 0),
    directory: {
      address: welcome.field.directory.get(bytes, 0),
      lengthBytes: welcome.field.directoryBytes.get(bytes, 0),
      rkey: welcome.field.rkey.get(bytes, 0),
    },
  };
}

/** A refusal as an error for the one who connected to `where`. */
export function refusalError(where: string, { code, version, value }: Refusal): FarsideError {
  switch (code) {
    case answerCode.fencedOff:
      return new FarsideError(
        'FARSIDE_VERB',
        `${where}: this incarnation was fenced off there; start this node again`,
      );
    case answerCode.tooMany:
      return new FarsideError(
        'FARSIDE_LIMIT',
        `${where}: it has ${value} connections, its limit: use fewer queue pairs or clients`,
      );
    case answerCode.failed:
      return new FarsideError(
        'FARSIDE_TIMEOUT',
        `${where}: it could not make a queue pair (errno ${value})`,
      );
    default:
      return new FarsideError(
        'FARSIDE_USAGE',
        version === protocolVersion
          ? `${where}: it refused the connection (code ${code}): is it a farside memory node?`
          : `${where}: a farside of another version (protocol ${version}, here ${protocolVersion}): ` +
              'run the same version on both',
      );
  }
}
