import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import tar from 'tar-stream';
import { InputError, messageOf } from '../errors.ts';
import { looksLikeImage } from './fileNames.ts';
import { maxFileBytes } from './workItem.ts';

export interface ArchiveEntry {
  readonly name: string;
  readonly bytes?: Uint8Array;
  readonly failure?: InputError;
}

/**
 * The images of a .tar, .tar.gz or .tgz, streamed: one entry is in memory at a time. `isWanted` is asked before an
 * entry's bytes are kept.
 * @throws InputError `truncated` where the archive ends early or is no archive; entries before that were yielded
 */
export async function* archiveEntries(path: string, isWanted: (name: string) => boolean): AsyncGenerator<ArchiveEntry> {
  const extract = tar.extract();
  const source = createReadStream(path);
  const flow = (/gz$/i.test(path) ? pipeline(source, createGunzip(), extract) : pipeline(source, extract))
    .then(() => undefined, (error: unknown) => error);
  let numEntries = 0;
  try {
    for await (const entry of extract) {
      numEntries++;
      const { name, type, size = 0 } = entry.header;
      if (type !== 'file' || !looksLikeImage(name) || /(^|\/)\./.test(name) || !isWanted(name)) {
        entry.resume();
      } else if (size > maxFileBytes) {
        entry.resume();
        yield { name, failure: new InputError('tooLarge', `${size} bytes, at most ${maxFileBytes} are read`) };
      } else {
        const chunks: Buffer[] = [];
        for await (const chunk of entry) chunks.push(chunk as Buffer);
        yield { name, bytes: Buffer.concat(chunks) };
      }
    }
  } catch (error) {
    throw new InputError('truncated', `archive cannot be read after ${numEntries} entries: ${messageOf(error)}`, { cause: error });
  } finally {
    source.destroy();
  }
  const error = await flow;
  if (error !== undefined) throw new InputError('truncated', `archive cannot be read after ${numEntries} entries: ${messageOf(error)}`);
  if (numEntries === 0) throw new InputError('unrecognised', 'archive has no entries: not a tar file?');
}
