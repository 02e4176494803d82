import type { Program } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import type { StoreClient, StoreOperation } from '../../systems/system.ts';
import type { Operation, OperationKind } from '../../workload/workload.ts';
import type { Values } from './values.ts';

/** How one operation ended. `corrupt`: the value is not one that its key can have. */
export const outcomes = ['ok', 'notFound', 'failed', 'corrupt'] as const;
export type Outcome = (typeof outcomes)[number];

/** What a store must offer to serve an operation of a workload. */
export const needs: Readonly<Record<OperationKind, readonly StoreOperation[]>> = {
  read: ['get'],
  update: ['put'],
  insert: ['insert'],
  scan: ['scan'],
  readmodifywrite: ['get', 'put'],
  delete: ['delete'],
};

/** The program of one operation; `outcomeOf` judges what it gives. */
export function perform(
  store: StoreClient,
  operation: Operation,
  values: Values,
): Program<number | boolean | undefined> {
  const { key } = operation;
  switch (operation.kind) {
    case 'read':
      return store.get(key, values.into);
    case 'update':
      return store.put(key, values.next(key, operation.valueBytes));
    case 'insert':
      return store.insert(key, values.next(key, operation.valueBytes));
    case 'readmodifywrite':
      return readModifyWrite(store, operation, values);
    case 'delete':
      return store.delete(key);
    case 'scan':
      throw new FarsideError('FARSIDE_UNSUPPORTED', 'scan: no system here keeps keys in order');
  }
}

/** False where there is no such key; the length read where what was read is not to be replaced. */
function* readModifyWrite(
  store: StoreClient,
  { key, valueBytes }: Operation,
  values: Values,
): Program<number | boolean> {
  const length = yield* store.get(key, values.into);
  if (length === undefined) return false;
  if (values.judge(key, values.into, length) !== 'ok') return length;
  return yield* store.put(key, values.next(key, valueBytes));
}

/** How the operation ended whose program gave `result`: of a get, the value or its length in `into`. */
export function outcomeOf({ kind, key }: Operation, result: unknown, values: Values): Outcome {
  if (typeof result === 'number') return values.judge(key, values.into, result);
  if (result instanceof Uint8Array) return values.judge(key, result, result.length);
  if (result === true) return 'ok';
  return kind === 'insert' ? 'failed' : 'notFound';
}

/**
 * Errors that a run is meant to survive (a retry bound reached, an unconfirmed verb, a server that is
 * silent) make their operation `failed`; anything else is thrown on, and ends the run.
 */
export function failedUnlessFatal(error: unknown): Outcome {
  if (isSurvivable(error)) return 'failed';
  throw error;
}

/** A retry bound reached, a verb that was not confirmed, a server that is silent. */
export function isSurvivable(error: unknown): boolean {
  return error instanceof FarsideError && survivable.has(error.code);
}

const survivable: ReadonlySet<string> = new Set([
  'FARSIDE_LIMIT',
  'FARSIDE_TIMEOUT',
  'FARSIDE_VERB',
]);
