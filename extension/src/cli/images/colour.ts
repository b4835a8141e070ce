import { InputError } from '../errors.ts';

const clamp8 = (value: number) => (value < 0 ? 0 : value > 255 ? 255 : Math.floor(value + 0.5));

/** Full-range YCbCr to RGB, PS3.3 C.7.6.3.1.2, in place of a copy of the same length. */
export function ybrFullToRgb(ybr: ArrayLike<number>): Uint8Array {
  const rgb = new Uint8Array(ybr.length);
  for (let i = 0; i + 2 < ybr.length; i += 3) {
    const y = ybr[i];
    const cb = ybr[i + 1] - 128;
    const cr = ybr[i + 2] - 128;
    rgb[i] = clamp8(y + 1.402 * cr);
    rgb[i + 1] = clamp8(y - 0.344136 * cb - 0.714136 * cr);
    rgb[i + 2] = clamp8(y + 1.772 * cb);
  }
  return rgb;
}

/** Uncompressed YBR_FULL_422 stores Y1 Y2 Cb Cr for two neighbouring pixels; returns YBR_FULL. */
export function expandYbr422(stored: ArrayLike<number>, numPixels: number): Uint8Array {
  const ybr = new Uint8Array(numPixels * 3);
  for (let pixel = 0; pixel < numPixels; pixel++) {
    const group = (pixel >> 1) * 4;
    ybr[pixel * 3] = stored[group + (pixel & 1)];
    ybr[pixel * 3 + 1] = stored[group + 2];
    ybr[pixel * 3 + 2] = stored[group + 3];
  }
  return ybr;
}

/** One channel of a Palette Color Lookup Table: descriptor and data, PS3.3 C.7.6.3.1.5. */
export interface PaletteChannel {
  readonly numEntries: number;
  readonly firstMapped: number;
  /** 0..255 */
  readonly entries: Uint8Array;
}

/**
 * @param descriptor [number of entries (0 means 65536), first stored value mapped, bits of an entry (8 or 16)]
 * @param data the little-endian bytes of the table
 */
export function readPaletteChannel(descriptor: readonly [number, number, number], data: Uint8Array): PaletteChannel {
  const [count, firstMapped, bits] = descriptor;
  const numEntries = count === 0 ? 65536 : count;
  const entries = new Uint8Array(numEntries);
  // Many writers declare 16 bits but pack one byte an entry, or the other way round: the length decides.
  const isWide = data.length >= numEntries * 2;
  if (data.length < numEntries) {
    throw new InputError('truncated', `palette of ${numEntries} entries has ${data.length} bytes`);
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let i = 0; i < numEntries; i++) entries[i] = isWide ? (bits === 8 ? view.getUint16(i * 2, true) & 0xff : view.getUint16(i * 2, true) >> 8) : data[i];
  return { numEntries, firstMapped, entries };
}

/** Stored values below the first mapped one take the first entry, those above the last one the last. */
export function paletteToRgb(values: ArrayLike<number>, channels: readonly [PaletteChannel, PaletteChannel, PaletteChannel]): Uint8Array {
  const rgb = new Uint8Array(values.length * 3);
  for (let i = 0; i < values.length; i++) {
    for (let channel = 0; channel < 3; channel++) {
      const { entries, firstMapped, numEntries } = channels[channel];
      rgb[i * 3 + channel] = entries[Math.min(Math.max(values[i] - firstMapped, 0), numEntries - 1)];
    }
  }
  return rgb;
}
