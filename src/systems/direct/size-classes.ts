import { assert } from '../../core/errors.ts';
import { recordBytesMax, recordHead } from '../../core/record.ts';

/**
 * A slot holds one entry: its lock word, the committed space and the redo space.
 *
 *    0 +----------------------+
 *      | lock word            |
 *    8 +----------------------+
 *      | committed record     |  `capacityBytes`
 *      +----------------------+
 *      | redo record          |  `capacityBytes`
 *      +----------------------+
 *      | padding to 64        |
 *      +----------------------+  `strideBytes`
 *
 * Strides are multiples of 64 B, eight to a doubling, so that at most an eighth of a slot is slack.
 * The class only says how far a record may grow in place: gets READ the record's length, not the
 * class.
 */
export interface SizeClass {
  readonly index: number;
  readonly strideBytes: number;
  /** Of one record: head, key and value. A multiple of 8. */
  readonly capacityBytes: number;
  /** Offset of the redo record in the slot. */
  readonly redoOffsetBytes: number;
}

export const slotUnitBytes = 64;
export const lockBytes = 8;

const strideBytesMin = 128;
const stepsPerDoubling = 8;

export const sizeClasses: readonly SizeClass[] = buildClasses();

function buildClasses(): SizeClass[] {
  const classes: SizeClass[] = [];
  let strideBytes = strideBytesMin;
  for (;;) {
    const capacityBytes = Math.floor((strideBytes - lockBytes) / 16) * 8;
    classes.push({
      index: classes.length,
      strideBytes,
      capacityBytes,
      redoOffsetBytes: lockBytes + capacityBytes,
    });
    if (capacityBytes >= recordBytesMax) return classes;
    const doubling = 2 ** Math.floor(Math.log2(strideBytes));
    strideBytes += Math.max(slotUnitBytes, doubling / stepsPerDoubling);
  }
}

export function sizeClassAt(index: number): SizeClass {
  const sizeClass = sizeClasses[index];
  assert(sizeClass !== undefined, () => `there is no size class ${index}`, 'FARSIDE_CORRUPT');
  return sizeClass;
}

/** The smallest class whose records may have that many bytes. */
export function sizeClassFor(bytes: number): SizeClass {
  assert(
    bytes >= recordHead.sizeBytes && bytes <= recordBytesMax,
    () => `a record of ${bytes} B: expected ${recordHead.sizeBytes} to ${recordBytesMax}`,
  );
  let low = 0;
  let high = sizeClasses.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sizeClassAt(middle).capacityBytes >= bytes) high = middle;
    else low = middle + 1;
  }
  return sizeClassAt(low);
}
