/**
 * Exact selection of the k greatest of up to 2²¹ logits, by descending value, ties by ascending id.
 * A radix select (two passes of 16 bits over order-preserving integer keys) finds the k-th key without sorting the
 * million anchors of a large frame; only the k survivors are sorted.
 */
import { DetectionError } from './errors.ts';

const MAX_VALUES = 2 ** 21;

/** @returns ids of the min(k, length) greatest  @throws DetectionError invalidModelOutput on NaN */
export function topLogits(logits: Float32Array, k: number): Uint32Array {
  const n = logits.length;
  if (n > MAX_VALUES) throw new DetectionError('invalidModelOutput', `expected at most ${MAX_VALUES} anchors, got ${n}`);
  const keys = orderedKeys(logits);
  const numSelected = Math.min(k, n);
  if (numSelected === 0) return new Uint32Array(0);

  const highCounts = new Uint32Array(65536);
  for (let i = 0; i < n; i++) highCounts[keys[i] >>> 16]++;
  let numAbove = 0;
  let high = 65535;
  while (numAbove + highCounts[high] < numSelected) numAbove += highCounts[high--];
  const lowCounts = new Uint32Array(65536);
  for (let i = 0; i < n; i++) if (keys[i] >>> 16 === high) lowCounts[keys[i] & 65535]++;
  let low = 65535;
  while (numAbove + lowCounts[low] < numSelected) numAbove += lowCounts[low--];
  const threshold = high * 65536 + low;

  // 32 bits of key and 21 bits of id fill a double's mantissa: one numeric sort orders both.
  const packed = new Float64Array(numSelected);
  let numPacked = 0;
  let numTies = numSelected - numAbove;
  for (let i = 0; i < n; i++) {
    if (keys[i] < threshold || (keys[i] === threshold && numTies-- <= 0)) continue;
    packed[numPacked++] = (0xffffffff - keys[i]) * MAX_VALUES + i;
  }
  packed.sort();
  const ids = new Uint32Array(numSelected);
  for (let i = 0; i < numSelected; i++) ids[i] = packed[i] % MAX_VALUES;
  return ids;
}

/** Unsigned integers in the order of the floats: negative ones have all bits turned, others the sign bit. */
function orderedKeys(logits: Float32Array): Uint32Array {
  const aligned = logits.byteOffset % 4 === 0 ? logits : logits.slice();
  const bits = new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length);
  const keys = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const b = bits[i];
    if ((b & 0x7fffffff) > 0x7f800000) {
      throw new DetectionError('invalidModelOutput', `expected finite objectness, got NaN at anchor ${i}`);
    }
    // −0 must tie with +0.
    keys[i] = b === 0x80000000 ? 0x80000000 : b & 0x80000000 ? ~b : b | 0x80000000;
  }
  return keys;
}
