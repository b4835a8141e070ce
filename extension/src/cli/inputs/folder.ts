import { opendir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The paths of all plain files below a folder, relative to it with `/`, in a fixed order. One folder's names are held
 * at a time, never the tree's. Hidden names are left out; links to folders are not followed, so there is no way round.
 * @throws the file system's error for the folder itself or one below it
 */
export async function* filesBelow(folder: string, prefix = ''): AsyncGenerator<string> {
  const files: string[] = [];
  const folders: string[] = [];
  for await (const entry of await opendir(join(folder, prefix))) {
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) folders.push(entry.name);
    else if (entry.isFile() || entry.isSymbolicLink()) files.push(entry.name);
  }
  // By code unit, not by locale: two machines must walk alike.
  files.sort();
  folders.sort();
  for (const name of files) yield prefix + name;
  for (const name of folders) yield* filesBelow(folder, `${prefix}${name}/`);
}
