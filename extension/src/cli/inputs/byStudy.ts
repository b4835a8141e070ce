import { open } from 'node:fs/promises';
import dicomParser from 'dicom-parser';
import type { WorkItem } from './workItem.ts';

/** The patient and study modules come early in the file; pixel data is not read. */
const headerBytes = 256 * 1024;
const studyInstanceUidTag = 'x0020000d';

/**
 * The same items with the StudyInstanceUID as key, those of one study alike, whatever their files are called. An item
 * that tells none keeps its key and fails when it is counted.
 */
export async function* byStudy(items: AsyncIterable<WorkItem>, isWanted: (item: WorkItem) => boolean): AsyncGenerator<WorkItem> {
  for await (const item of items) {
    const keyed = await withStudyKey(item);
    if (isWanted(keyed)) yield keyed;
  }
}

async function withStudyKey(item: WorkItem): Promise<WorkItem> {
  if (item.failure) return item;
  // A DICOMweb key begins with the study: its bytes need not be fetched to know it.
  const fromUrl = /^https?:/.test(item.file) ? item.key.split('/')[0] : undefined;
  const key = fromUrl ?? await studyOf(item);
  return key === undefined ? item : { ...item, key };
}

async function studyOf(item: WorkItem): Promise<string | undefined> {
  try {
    const bytes = item.path !== undefined ? await readStart(item.path) : await item.load!();
    return dicomParser.parseDicom(bytes, { untilTag: studyInstanceUidTag }).string(studyInstanceUidTag);
  } catch {
    // Reported when the item is counted, by the reader that knows more.
    return undefined;
  }
}

async function readStart(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headerBytes), 0, headerBytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
