import { EffectBase, effectKind, type Program } from './base.ts';
import { atAnyTime } from './rest.ts';

export class Sleep extends EffectBase<void> {
  readonly kind = effectKind.sleep;
  protected override yielded = false;
  readonly durationNs: number;
  /** See `atRest`. */
  isRest = false;
  /** See `atAnyTime`. */
  isAnyTime = false;

  constructor(durationNs: number) {
    super();
    this.durationNs = durationNs;
  }

  /** May be yielded again. */
  override finish(): void {
    this.yielded = false;
  }
}

export function sleep(durationNs: number): Sleep {
  return new Sleep(durationNs);
}

/**
 * Looks every so often whether something has come about that other programs of the node bring about. To yield
 * the very same sleep again right after it says that the program stands where it stood: whoever explores
 * schedules then need not try what comes of looking once more. So between two naps nothing may be counted.
 */
export function* until(isSo: () => boolean, everyNs: number): Program<void> {
  const nap = atAnyTime(sleep(everyNs));
  while (!isSo()) yield* nap;
}

/** Background work of the same node, on the queue pairs of the program that spawns it. */
export class Spawn extends EffectBase<void> {
  readonly kind = effectKind.spawn;
  protected override yielded = false;
  readonly program: Program<unknown>;
  readonly label: string;

  constructor(program: Program<unknown>, label: string) {
    super();
    this.program = program;
    this.label = label;
  }

  override finish(): void {}
}

export function spawn(program: Program<unknown>, label = 'background'): Spawn {
  return new Spawn(program, label);
}

/**
 * Control path: at memory node `node`, destroy the queue pairs of compute-node `incarnation` and
 * refuse it from then on. When it completes, no verb of that incarnation takes effect there any more.
 */
export class Fence extends EffectBase<void> {
  readonly kind = effectKind.fence;
  protected override yielded = false;
  readonly node: number;
  readonly incarnation: number;

  constructor(node: number, incarnation: number) {
    super();
    this.node = node;
    this.incarnation = incarnation;
  }

  override finish(): void {}
}

export function fence(node: number, incarnation: number): Fence {
  return new Fence(node, incarnation);
}

/**
 * Control path: a new queue pair from the program, and those that share its queue pairs, to `node`, for
 * one that broke or that was made for an earlier start of the node. It never fails: whether anything
 * answers there, the next verb tells. What was outstanding on the old one may still take effect.
 */
export class Reconnect extends EffectBase<void> {
  readonly kind = effectKind.reconnect;
  protected override yielded = false;
  readonly node: number;

  constructor(node: number) {
    super();
    this.node = node;
  }

  override finish(): void {}
}

export function reconnect(node: number): Reconnect {
  return new Reconnect(node);
}
