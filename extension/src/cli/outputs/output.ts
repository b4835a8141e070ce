import type { InputResult } from '../detection/protocol.ts';
import type { WorkItem } from '../inputs/workItem.ts';

/** Where results go; told of each input once, in the order of the work list. */
export interface Output {
  /** Whether --resume may skip it. */
  isDone(item: Pick<WorkItem, 'file' | 'key'>): boolean;
  accept(item: WorkItem, result: InputResult): Promise<void>;
  /** All inputs were told; returns how many results could not be delivered. */
  finish(): Promise<number>;
  /** Interrupted: leave whole files only. */
  abandon(): Promise<void>;
}
