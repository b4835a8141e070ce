import { createHash } from 'node:crypto';

/** One part of a work list; parts of the same `count` never share an item and together are the whole. */
export interface Shard {
  /** 0-based, as JOB_COMPLETION_INDEX of a Kubernetes Indexed Job */
  readonly index: number;
  readonly count: number;
}

/**
 * Depends on the key alone: the same on every machine, however the list is ordered and whatever else is on it.
 * @param key the same wherever the data are mounted
 */
export function shardIndexOf(key: string, count: number): number {
  return createHash('sha256').update(key).digest().readUInt32BE(0) % count;
}

export function isInShard(key: string, shard: Shard | undefined): boolean {
  return shard === undefined || shardIndexOf(key, shard.count) === shard.index;
}
