// DICOM RLE Lossless, PS3.5 Annex G: a header of sixteen uint32 (number of segments, their offsets), then one PackBits
// segment for each byte plane: sample by sample, most significant byte first.
import { InputError } from '../errors.ts';

/**
 * @param frame one encapsulated frame, header included
 * @param numPixels rows × columns
 * @param numPlanes samples per pixel × bytes per sample
 * @returns numPlanes × numPixels bytes, plane after plane in the order of the segments
 * @throws InputError `truncated` when a segment ends early, `malformed` when the header does not fit
 */
export function decodeRlePlanes(frame: Uint8Array, numPixels: number, numPlanes: number): Uint8Array {
  if (frame.length < 64) throw new InputError('truncated', `RLE header needs 64 bytes, got ${frame.length}`);
  const header = new DataView(frame.buffer, frame.byteOffset, 64);
  const numSegments = header.getUint32(0, true);
  if (numSegments !== numPlanes) {
    throw new InputError('malformed', `RLE frame has ${numSegments} segments, its attributes ask for ${numPlanes}`);
  }
  const planes = new Uint8Array(numPlanes * numPixels);
  for (let plane = 0; plane < numPlanes; plane++) {
    const start = header.getUint32(4 + plane * 4, true);
    const end = plane + 1 < numPlanes ? header.getUint32(8 + plane * 4, true) : frame.length;
    if (start < 64 || end > frame.length || start > end) {
      throw new InputError('truncated', `RLE segment ${plane + 1} covers bytes ${start} to ${end} of ${frame.length}`);
    }
    const written = unpackBits(frame.subarray(start, end), planes.subarray(plane * numPixels, (plane + 1) * numPixels));
    if (written < numPixels) {
      throw new InputError('truncated', `RLE segment ${plane + 1} holds ${written} of ${numPixels} bytes`);
    }
  }
  return planes;
}

/** PackBits (PS3.5 G.3.1); returns how many bytes were written, at most `out.length`. */
function unpackBits(packed: Uint8Array, out: Uint8Array): number {
  let read = 0;
  let written = 0;
  while (read < packed.length && written < out.length) {
    const control = packed[read++];
    if (control < 128) {
      const run = Math.min(control + 1, packed.length - read, out.length - written);
      out.set(packed.subarray(read, read + run), written);
      read += control + 1;
      written += run;
    } else if (control > 128 && read < packed.length) {
      const run = Math.min(257 - control, out.length - written);
      out.fill(packed[read++], written, written + run);
      written += run;
    }
  }
  return written;
}
