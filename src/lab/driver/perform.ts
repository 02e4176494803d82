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

/**
 * Performs one operation. Errors that a run is meant to survive (a retry bound reached, an unconfirmed
 * verb, a server that is silent) make it `failed`; anything else ends the run.
 */
export function* perform(
  store: StoreClient,
  operation: Operation,
  values: Values,
): Program<Outcome> {
  try {
    switch (operation.kind) {
      case 'read': {
        const length = yield* store.get(operation.key, values.into);
        return length === undefined ? 'notFound' : values.judge(operation.key, length);
      }
      case 'update': {
        const value = values.next(operation.key, operation.valueBytes);
        return (yield* store.put(operation.key, value)) ? 'ok' : 'notFound';
      }
      case 'insert': {
        const value = values.next(operation.key, operation.valueBytes);
        return (yield* store.insert(operation.key, value)) ? 'ok' : 'failed';
      }
      case 'readmodifywrite': {
        const length = yield* store.get(operation.key, values.into);
        if (length === undefined) return 'notFound';
        const judged = values.judge(operation.key, length);
        if (judged !== 'ok') return judged;
        const value = values.next(operation.key, operation.valueBytes);
        return (yield* store.put(operation.key, value)) ? 'ok' : 'notFound';
      }
      case 'delete':
        return (yield* store.delete(operation.key)) ? 'ok' : 'notFound';
      case 'scan':
        throw new FarsideError('FARSIDE_UNSUPPORTED', 'scan: no system here keeps keys in order');
    }
  } catch (error) {
    return failedUnlessFatal(error);
  }
}

/** What a run is meant to survive makes its operation `failed`; anything else is thrown on. */
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
