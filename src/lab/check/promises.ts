import type { StoreShape, System, SystemPromise } from '../../systems/system.ts';

/** What a system promises with these settings: a variant may promise more than the default, or less. */
export function promisesMade(
  system: System,
  config: unknown,
  shape: StoreShape,
): readonly SystemPromise[] {
  return system.promisesOf?.(config, shape) ?? system.promises;
}
