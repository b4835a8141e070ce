import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { InputResult } from '../detection/protocol.ts';
import type { WorkItem } from '../inputs/workItem.ts';
import type { Output } from './output.ts';
import { writeStandardOutput } from './standardOutput.ts';

/** Where the pictures of an input lie below the output folder: its path or URL, with nothing that leads out of it. */
export function pictureNameOf(file: string): string {
  return file.replace(/^[a-z]+:\/\//i, '').split(/[/\\]+/).filter((part) => part !== '' && part !== '.')
    .map((part) => (part === '..' ? '_' : part.replace(/[:*?"<>|]/g, '_'))).join('/');
}

/** The detection threads draw and write; here their paths are told. */
export class PictureOutput implements Output {
  constructor(private readonly folder: string, private readonly resume: boolean) {}

  /** A multi-frame input has a picture a frame and is drawn again: from outside nobody knows how many it has. */
  isDone({ file }: Pick<WorkItem, 'file'>): boolean {
    return this.resume && existsSync(join(this.folder, `${pictureNameOf(file)}.png`));
  }

  async accept(_item: WorkItem, { frames }: InputResult): Promise<void> {
    for (const { picture } of frames) await writeStandardOutput(`${picture}\n`);
  }

  finish(): Promise<number> {
    return Promise.resolve(0);
  }

  async abandon(): Promise<void> {}
}
