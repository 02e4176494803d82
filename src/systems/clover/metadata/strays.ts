import { nodeOf } from '../../../core/address.ts';
import { type Program, read } from '../../../core/effect.ts';
import { loadHalf } from '../../../core/word.ts';
import type { MetadataState } from './state.ts';

const slotsAtOnce = 4096;

/**
 * Clears shortcuts of a server's slots that stand though no chain is known to have had the slot. In a
 * take-over, those that an opening wrote before the table of heads heard of it: no cursor names such a
 * chain, since its insert was not answered. In the new place of a bucket, those that an attempt has left
 * which had given the place to another bucket, before the first server was lost.
 */
export function* clearStrays(
  state: MetadataState,
  knownSlots: ReadonlySet<number>,
  isDue: (bucket: number, node: number) => boolean,
): Program<void> {
  const { layout, index } = state;
  const slotBytes = 8 * layout.replicas;
  const end = layout.plan.shortcutSlotsPerServer;
  for (let bucket = 0; bucket < layout.buckets; bucket++) {
    const first = layout.slot(bucket, index, 0);
    const at = layout.shortcutAddressOf(first);
    if (!isDue(bucket, nodeOf(at))) continue;
    for (let i = 0; i < end; i += slotsAtOnce) {
      const bytes = new Uint8Array(Math.min(slotsAtOnce, end - i) * slotBytes);
      yield* read(at + i * slotBytes, bytes);
      const strays: number[] = [];
      for (let byte = 0; byte < bytes.length; byte += 8) {
        const slot = first + i + Math.floor(byte / slotBytes);
        const stands = loadHalf(bytes, byte) !== 0 || loadHalf(bytes, byte + 4) !== 0;
        if (stands && !knownSlots.has(slot) && strays.at(-1) !== slot) strays.push(slot);
      }
      const clearings = strays.flatMap((slot) => state.clearingsAt(slot));
      if (clearings.length > 0) yield* state.post(clearings, []);
    }
  }
}
