import { expect, test } from 'vitest';
import { describeOnFake } from '../../../test/support/verbs.ts';
import { loadAddon } from './addon.ts';
import { chooseGid } from './gid.ts';
import { probeCapabilities } from './probe.ts';

describeOnFake('probes', () => {
  test('inline bytes are those that arrive, FLUSH is there where a queue pair can post it', () => {
    const native = loadAddon();
    const device = native.openDevice('fake0', { provider: 'fake' });
    const before = native.fakeCounters();
    for (const [maxInlineData, inlineBytes] of [
      [512, 512],
      [220, 128],
      [4, 0],
    ] as const) {
      native.fakeConfigure({ maxInlineData });
      expect(probeCapabilities(native, device)).toEqual({
        inlineBytes,
        flush: true,
        atomicWrite: true,
      });
    }
    native.fakeConfigure({ maxInlineData: 220 });
    const { queuePairs, regions } = native.fakeCounters();
    expect({ queuePairs, regions }).toEqual({
      queuePairs: before.queuePairs,
      regions: before.regions,
    });
    native.close(device);
  });

  test('the GID is RoCE v2, unless another is asked for; an empty place is refused', () => {
    const native = loadAddon();
    const device = native.openDevice('fake0', { provider: 'fake' });
    expect(chooseGid(native, device).index).toBe(1);
    expect(chooseGid(native, device, 1, 0).index).toBe(0);
    expect(() => chooseGid(native, device, 1, 7)).toThrow(
      'fake0 port 1 has no GID 7: choose one of 0 (roce_v1), 1 (roce_v2)',
    );
    native.close(device);
  });
});
