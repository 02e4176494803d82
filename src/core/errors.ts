/**
 * One error class with stable codes. A code never changes its meaning; a message may be improved.
 * Every message names the argument, its value, what was expected and the next step.
 */
export const errorCodes = {
  FARSIDE_USAGE: 'a flag, an argument or an experiment file is wrong',
  FARSIDE_INPUT: 'an input file (trace, profile, workload) is malformed',
  FARSIDE_CAPACITY: 'a region, table or ring is too small for what was asked of it',
  FARSIDE_LIMIT: 'a bound on retries, steps or time was reached',
  FARSIDE_KEY: 'a key is empty or longer than 255 bytes',
  FARSIDE_VALUE: 'a value is empty or larger than the store allows',
  FARSIDE_VERB: 'a verb did not end ok; `outcome` tells failed from unknown',
  FARSIDE_ALIGNMENT: 'an address, length or local buffer is not 8-byte aligned',
  FARSIDE_ADDRESS: 'an address lies outside every region of its node',
  FARSIDE_CORRUPT: 'bytes that must form a record do not',
  FARSIDE_TIMEOUT: 'a peer did not answer in time',
  FARSIDE_UNSUPPORTED: 'this system, fabric or medium does not offer the operation',
  FARSIDE_OUTPUT: 'a result cannot be written where it was asked to go',
  FARSIDE_INTERNAL: 'an invariant of farside itself does not hold: please report it',
} as const;

export type ErrorCode = keyof typeof errorCodes;

export class FarsideError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'FarsideError';
    this.code = code;
  }
}

/**
 * Stays on in every build: a protocol that continues on a broken invariant publishes wrong numbers.
 * Pass a function where building the message costs anything.
 */
export function assert(
  condition: boolean,
  message: string | (() => string),
  code: ErrorCode = 'FARSIDE_INTERNAL',
): asserts condition {
  if (!condition) throw new FarsideError(code, typeof message === 'string' ? message : message());
}

/** For the last arm of a switch over a closed set. */
export function unreachable(value: never): never {
  throw new FarsideError('FARSIDE_INTERNAL', `unexpected value ${String(value)}`);
}
