import { offsetOf } from '../src/core/address.ts';
import type { RandomStream } from '../src/core/random.ts';
import type { Machine } from './machine.ts';

/** Draws until a word is not zero: most of a store's region is empty, and nobody would notice. */
const drawsMax = 1000;

/**
 * Turns over so many bits of the node's persistent memory, each in a word that holds something where
 * one is found. Gives the offsets of the words; none where nothing was ever written there.
 */
export function flipBits(
  machine: Machine,
  count: number,
  dice: RandomStream,
  nowPs: number,
): number[] {
  const chunks = machine.node.regions
    .filter((region) => region.medium === 'pm')
    .flatMap((region) =>
      machine.memory.visible.touchedChunks(offsetOf(region.address), region.sizeBytes),
    );
  if (chunks.length === 0) return [];
  const drawWord = (): number => {
    const chunk = chunks[dice.below(chunks.length)] as { offset: number; length: number };
    return chunk.offset + 8 * dice.below(Math.floor(chunk.length / 8));
  };
  const { visible } = machine.memory;
  return Array.from({ length: count }, () => {
    let at = drawWord();
    for (let i = 0; i < drawsMax && visible.low(at) === 0 && visible.high(at) === 0; i++) {
      at = drawWord();
    }
    machine.memory.flipBit(at, dice.below(64), nowPs);
    return at;
  });
}
