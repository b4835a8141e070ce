import { createContext, useContext, useSyncExternalStore } from 'react';
import type { ChromosomeCountService } from '../viewer/ChromosomeCountService.ts';
import type { CountState } from '../viewer/countState.ts';

export interface Count {
  readonly service: ChromosomeCountService;
  /** Runs a command of the host. */
  readonly run: (command: string, options?: object) => void;
}

export const CountContext = createContext<Count | null>(null);

/** The service, its state and the host's commands; the component follows every change of state. */
export function useCount(): Count & { state: CountState } {
  const count = useContext(CountContext);
  if (!count) throw new Error('useCount: expected a CountContext around the component, got none');
  const state = useSyncExternalStore(count.service.subscribe, count.service.getState);
  return { ...count, state };
}
