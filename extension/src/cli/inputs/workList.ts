import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { InputError, messageOf } from '../errors.ts';
import { isUrl, parseStudyUrl, studyInstances } from './dicomweb.ts';
import { isArchive, looksLikeImage } from './fileNames.ts';
import { filesBelow } from './folder.ts';
import type { HttpOptions } from './httpGet.ts';
import { archiveEntries } from './tarArchive.ts';
import type { WorkItem } from './workItem.ts';

export interface WorkListOptions {
  readonly http: HttpOptions;
  /** Asked before the bytes of an item are read: leaves out what belongs to another shard. */
  readonly isWanted: (item: Pick<WorkItem, 'file' | 'key'>) => boolean;
  /** A word for the person at the terminal. */
  readonly onNote: (note: string) => void;
}

/**
 * What files, folders, archives and DICOMweb studies come to, lazily and in a fixed order: nothing is read ahead of the
 * consumer. What cannot be listed is an item of its own with a `failure`.
 */
export async function* workList(inputs: readonly string[], options: WorkListOptions): AsyncGenerator<WorkItem> {
  for (const input of inputs) {
    try {
      if (isUrl(input)) yield* ofStudy(input, options);
      else if ((await stat(input)).isDirectory()) yield* ofFolder(input, options);
      else if (isArchive(input)) yield* ofArchive(input, '', options);
      else if (options.isWanted({ file: input, key: basename(input) })) yield { file: input, key: basename(input), path: input };
    } catch (error) {
      if (options.http.signal.aborted) return;
      yield { file: isUrl(input) ? parseStudyUrl(input).url : input, key: basename(input), failure: asInputError(error) };
    }
  }
}

async function* ofStudy(input: string, { http, isWanted, onNote }: WorkListOptions): AsyncGenerator<WorkItem> {
  const study = parseStudyUrl(input);
  const onSkipped = (count: number) => onNote(`${study.url}: ${count} instances without an image left out`);
  for await (const item of studyInstances(study, http, onSkipped)) if (isWanted(item)) yield item;
}

async function* ofFolder(folder: string, options: WorkListOptions): AsyncGenerator<WorkItem> {
  let numOthers = 0;
  for await (const relative of filesBelow(folder)) {
    const path = join(folder, relative);
    if (isArchive(relative)) yield* ofArchive(path, `${relative}/`, options);
    else if (!looksLikeImage(relative)) numOthers++;
    else if (options.isWanted({ file: path, key: relative })) yield { file: path, key: relative, path };
  }
  if (numOthers > 0) options.onNote(`${folder}: ${numOthers} files left out that are no images by their names`);
}

/** A broken archive is one failed item after its good entries; the folder around it goes on. */
async function* ofArchive(path: string, keyPrefix: string, { isWanted }: WorkListOptions): AsyncGenerator<WorkItem> {
  const itemOf = (name: string) => ({ file: `${path}/${name}`, key: keyPrefix + name });
  try {
    for await (const { name, bytes, failure } of archiveEntries(path, (entry) => isWanted(itemOf(entry)))) {
      yield { ...itemOf(name), ...(bytes && { load: () => Promise.resolve(bytes) }), ...(failure && { failure }) };
    }
  } catch (error) {
    yield { file: path, key: keyPrefix || basename(path), failure: asInputError(error) };
  }
}

function asInputError(error: unknown): InputError {
  if (error instanceof InputError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return new InputError('unreadable', 'no such file or folder', { cause: error });
  if (code === 'EACCES' || code === 'EPERM') return new InputError('unreadable', 'no permission to read', { cause: error });
  return new InputError('unreadable', messageOf(error), { cause: error });
}
