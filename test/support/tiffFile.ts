/** Uncompressed little-endian TIFF, written by hand: several pages, and samples that sharp itself cannot write. */

export interface TiffPage {
  readonly width: number;
  readonly height: number;
  /** row-major gray; the array says how deep: 8 or 16 bits unsigned, or 32-bit float */
  readonly gray: Uint8Array | Uint16Array | Float32Array;
}

const [short, long] = [3, 4];

function entry(tag: number, type: number, value: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt16LE(tag, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.writeUInt32LE(1, 4);
  if (type === short) bytes.writeUInt16LE(value, 8);
  else bytes.writeUInt32LE(value, 8);
  return bytes;
}

/** TIFF 6.0: header, then for each page its image file directory and one strip. */
export function tiffFile(pages: readonly TiffPage[]): Buffer {
  const header = Buffer.from('49492a0008000000', 'hex');
  const parts: Buffer[] = [header];
  let at = header.length;
  pages.forEach(({ width, height, gray }, i) => {
    const pixels = Buffer.from(gray.buffer, gray.byteOffset, gray.byteLength);
    const numEntries = 10;
    const directoryBytes = 2 + numEntries * 12 + 4;
    const padding = (pixels.length & 1);
    const next = i + 1 < pages.length ? at + directoryBytes + pixels.length + padding : 0;
    const count = Buffer.alloc(2);
    count.writeUInt16LE(numEntries);
    const link = Buffer.alloc(4);
    link.writeUInt32LE(next);
    parts.push(
      count,
      entry(256, long, width), entry(257, long, height), entry(258, short, gray.BYTES_PER_ELEMENT * 8), entry(259, short, 1), entry(262, short, 1),
      entry(273, long, at + directoryBytes), entry(277, short, 1), entry(278, long, height), entry(279, long, pixels.length),
      entry(339, short, gray instanceof Float32Array ? 3 : 1),
      link, pixels, Buffer.alloc(padding),
    );
    at += directoryBytes + pixels.length + padding;
  });
  return Buffer.concat(parts);
}
