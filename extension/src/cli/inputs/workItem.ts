import type { InputError } from '../errors.ts';

/** One input of the work list: something that should be an image. */
export interface WorkItem {
  /** How results and messages call it: the path or URL as given, with what was found below it. */
  readonly file: string;
  /** The same wherever the data lie (relative to the given folder or archive): decides the shard. */
  readonly key: string;
  /** The bytes are where a detection thread can read them itself … */
  readonly path?: string;
  /** … or they are fetched when their turn comes … */
  readonly load?: () => Promise<Uint8Array>;
  /** … or it is known already that there are none. */
  readonly failure?: InputError;
}

/** Larger files are not pictures of one cell, and node cannot read past 2 GiB at once. */
export const maxFileBytes = 1024 ** 3;
