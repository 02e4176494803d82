import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { allAccess, describeOnFake, sharedBytes } from '../../../test/support/verbs.ts';
import { addonFile, loadAddon } from './addon.ts';
import { access, type Device, isVerbsError, type Native, type Pd } from './native.ts';

describeOnFake('handles', () => {
  let native: Native;
  let device: Device;
  let pd: Pd;
  beforeEach(() => {
    native = loadAddon();
    device = native.openDevice('fake0', { provider: 'fake' });
    pd = native.allocPd(device);
  });
  afterEach(() => native.close(device));

  test('closing a parent closes its children first, and closing twice is nothing', () => {
    const cq = native.createCq(device, 64);
    const qp = native.createQp(pd, cq, { maxSendWr: 8 });
    const mr = native.regMr(pd, sharedBytes(64), allAccess);
    expect([qp, mr, cq, pd].map((handle) => native.isOpen(handle))).toEqual([
      true,
      true,
      true,
      true,
    ]);
    native.close(cq);
    expect([cq, qp, pd].map((handle) => native.isOpen(handle))).toEqual([false, false, true]);
    native.close(device);
    expect([mr, pd, device].map((handle) => native.isOpen(handle))).toEqual([false, false, false]);
    native.close(device);
    native.close(qp);
  });

  test('whatever is no open handle of the right kind is a TypeError', () => {
    const cq = native.createCq(device, 64);
    const wrong: [RegExp, unknown][] = [
      [/createQp: argument 1 must be a protection domain$/, undefined],
      [/createQp: argument 1 must be a protection domain$/, null],
      [/createQp: argument 1 must be a protection domain$/, 7],
      [/createQp: argument 1 must be a protection domain$/, {}],
      [/createQp: argument 1 must be a protection domain$/, Object.create(pd)],
      [/createQp: argument 1 must be a protection domain$/, new Proxy(pd as object, {})],
      [/must be a protection domain, not a completion queue/, cq],
    ];
    for (const [message, handle] of wrong) {
      expect(() => native.createQp(handle as Pd, cq)).toThrow(TypeError);
      expect(() => native.createQp(handle as Pd, cq)).toThrow(message);
    }
    native.close(pd);
    expect(() => native.createQp(pd, cq)).toThrow(/the protection domain is closed/);
    expect(() => native.close({} as Pd)).toThrow(/close: argument 1 must be a verbs handle/);
  });

  test('every function refuses every wrong argument without a crash', () => {
    const odd = [
      undefined,
      null,
      0,
      -1,
      2 ** 40,
      Number.NaN,
      'x',
      {},
      [],
      3n,
      Symbol('s'),
      () => 0,
    ];
    const handles = [device, pd, native.createCq(device, 64), sharedBytes(64)];
    const functions = Object.entries(
      native as unknown as Record<string, (...a: unknown[]) => unknown>,
    );
    let refused = 0;
    // What is closed or opened on the way is a few fakes; `close` and configuration are left out.
    for (const [name, call] of functions) {
      if (['close', 'fakeConfigure', 'mapMemory'].includes(name)) continue;
      for (const first of [...odd, ...handles]) {
        for (const second of [...odd, ...handles]) {
          try {
            call(first, second, second, second);
          } catch (error) {
            expect(error).toBeInstanceOf(Error);
            refused++;
          }
        }
      }
    }
    expect(refused).toBeGreaterThan(functions.length * 100);
  });

  test('an answer of the library names the verb, its arguments and the errno', () => {
    try {
      native.openDevice('mlx9_9', { provider: 'fake' });
      expect.unreachable();
    } catch (error) {
      if (!isVerbsError(error)) throw error;
      expect(error.message).toBe('openDevice ("mlx9_9"): ENODEV, No such device');
      expect(error).toMatchObject({ verb: 'openDevice', arguments: '"mlx9_9"', code: 'ENODEV' });
      expect(error.errno).toBe(19);
    }
    expect(() => native.regMr(pd, sharedBytes(64), access.remoteWrite)).toThrow(
      'regMr (64 B, REMOTE_WRITE): EINVAL, Invalid argument',
    );
    expect(() =>
      native.modifyQp(native.createQp(pd, native.createCq(device, 8)), { state: 'rts' }),
    ).toThrow(/modifyQp \(qp \d+ to rts, mask 0x1\): EINVAL/);
  });

  test('options are checked by name, and inline bytes are what the device grants', () => {
    const cq = native.createCq(device, 64);
    expect(() => native.createQp(pd, cq, { maxSendWr: 0 })).toThrow(
      'createQp: maxSendWr must be an integer of 1 to 1048576, not 0',
    );
    expect(() => native.createQp(pd, cq, { flush: 1 as unknown as boolean })).toThrow(
      'createQp: flush must be a boolean, not 1',
    );
    expect(() => native.createCq(device, 1.5)).toThrow(/cqe must be an integer/);
    expect(() => native.modifyQp(native.createQp(pd, cq), { pathMtuBytes: 1500 })).toThrow(
      /pathMtuBytes must be 256, 512, 1024, 2048 or 4096/,
    );
    const qp = native.createQp(pd, cq, { maxInlineData: 1000 });
    expect(native.queryQp(qp).maxInlineData).toBe(125);
    native.fakeConfigure({ maxInlineData: 0 });
    expect(native.queryQp(native.createQp(pd, cq, { maxInlineData: 64 })).maxInlineData).toBe(0);
    native.fakeConfigure({ maxInlineData: 220 });
  });

  test('only memory that nobody can take away is registered', () => {
    expect(() => native.regMr(pd, new Uint8Array(64), allAccess)).toThrow(
      /must be a Uint8Array over a SharedArrayBuffer/,
    );
    const words = new Uint32Array(new SharedArrayBuffer(64)) as unknown as Uint8Array;
    expect(() => native.regMr(pd, words, allAccess)).toThrow(TypeError);
    const part = new Uint8Array(new SharedArrayBuffer(256), 64, 128);
    expect(native.queryMr(native.regMr(pd, part, allAccess)).lengthBytes).toBe(128);
  });

  test('mapped memory outlives its handle while somebody looks at it', () => {
    const memory = native.mapMemory({ lengthBytes: 8192 });
    const mr = native.regMr(pd, memory, allAccess);
    const view = new Uint8Array(native.memoryBuffer(memory, 4096, 4096));
    view.fill(7);
    expect(() => native.memoryBuffer(memory, 4096, 4097)).toThrow(/length must be an integer/);
    native.close(memory);
    expect(native.isOpen(mr)).toBe(false);
    expect(view[4095]).toBe(7);
  });

  test('closing everything leaves nothing on the device', () => {
    const before = native.fakeCounters();
    const other = native.openDevice('fake0', { provider: 'fake' });
    const otherPd = native.allocPd(other);
    native.regMr(otherPd, sharedBytes(4096), allAccess);
    native.createQp(otherPd, native.createCq(other, 64));
    expect(native.fakeCounters().queuePairs).toBe(before.queuePairs + 1);
    native.close(other);
    expect(native.fakeCounters()).toEqual(before);
  });

  test('the addon needs neither library to be loaded', () => {
    const symbols = execFileSync('nm', ['-D', '--undefined-only', addonFile() as string], {
      encoding: 'utf8',
    });
    expect(symbols).toContain('napi_wrap');
    expect(symbols).not.toMatch(/\b(ibv|rdma)_/);
  });

  test('devices do not mix', () => {
    const other = native.openDevice('fake0', { provider: 'fake' });
    const cq = native.createCq(other, 64);
    expect(() => native.createQp(pd, cq)).toThrow(/belongs to another device/);
    native.close(other);
  });
});
