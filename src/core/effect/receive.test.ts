import { expect, test } from 'vitest';
import { Port } from '../message.ts';
import { MessagePool } from '../message-pool.ts';
import { receive } from './receive.ts';

test('a receive may be yielded again, and gives nothing of what came before', () => {
  const effect = receive(new Port(0), { timeoutNs: 100 });
  expect(effect.next().value).toBe(effect);
  const message = new MessagePool().take(1, 0);
  effect.message = message;
  expect(effect.next().value).toBe(message);
  expect(effect.next().value).toBe(effect);
  expect(effect.next()).toMatchObject({ done: true, value: undefined });
});
