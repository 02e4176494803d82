/**
 * FNV-1a, 32 bits, over the character codes of a string (taken modulo 256). Deterministic everywhere;
 * used for seeding and sharding, never for security.
 */
export function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ (text.charCodeAt(i) & 0xff), 0x01000193);
  }
  return hash >>> 0;
}

/** The finaliser of MurmurHash3: spreads every input bit over all 32. */
export function mix32(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
