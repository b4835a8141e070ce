import { InputError, messageOf } from '../errors.ts';
import type { Attributes } from './protocol.ts';

/**
 * The attributes of a DICOM instance with the standard's keywords, character sets decoded, without pixel data.
 * @throws InputError `malformed`
 */
export async function readAttributes(bytes: Uint8Array): Promise<Attributes> {
  // Reports alone need it, and it is slow to load.
  const { default: dcmjs } = await import('dcmjs');
  const { DicomMessage, DicomMetaDictionary } = dcmjs.data;
  try {
    const copy = bytes.slice().buffer;
    const { dict } = DicomMessage.readFile(copy, { untilTag: '7FE00010', includeUntilTagValue: false });
    // Structured clone drops methods, and dcmjs hangs accessors on its sequences: plain JSON crosses the thread.
    return JSON.parse(JSON.stringify(DicomMetaDictionary.naturalizeDataset(dict))) as Attributes;
  } catch (error) {
    throw new InputError('malformed', `DICOM attributes cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
