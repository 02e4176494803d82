import type { Message, Port } from '../message.ts';
import { EffectBase, effectKind } from './base.ts';

/** The next message that a peer WROTE to this port, or undefined after `timeoutNs`. */
export class Receive extends EffectBase<Message | undefined> {
  readonly kind = effectKind.receive;
  protected override yielded = false;
  readonly port: Port;
  readonly timeoutNs: number;
  /** See `atRest`. */
  isRest = false;
  /** See `atAnyTime`. */
  isAnyTime = false;
  /** Interpreter: the message. */
  message: Message | undefined = undefined;

  constructor(port: Port, timeoutNs: number) {
    super();
    this.port = port;
    this.timeoutNs = timeoutNs;
  }

  /** May be yielded again. */
  override finish(): Message | undefined {
    const { message } = this;
    this.yielded = false;
    this.message = undefined;
    return message;
  }
}

export function receive(port: Port, options: { readonly timeoutNs?: number } = {}): Receive {
  return new Receive(port, options.timeoutNs ?? Number.POSITIVE_INFINITY);
}
