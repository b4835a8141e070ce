/**
 * The panel as the host wants it. The host shares no React before 3.14, and hooks of a second copy inside its tree
 * crash the route: the host gets a bare element, and our own root lives in it.
 */
import { createElement } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import type { ChromosomeCountService } from '../viewer/ChromosomeCountService.ts';
import type { HostParams } from '../viewer/hostTypes.ts';
import { CountPanel } from './CountPanel.tsx';
import { mountDialogs } from './Dialogs.tsx';

interface HostReact {
  createElement: typeof createElement;
}

const roots = new WeakMap<HTMLElement, Root>();

export function createPanelModule({ commandsManager }: HostParams, service: ChromosomeCountService) {
  const run = (command: string, options?: object) => void commandsManager.run(command, options ?? {});
  mountDialogs({ service, run });
  let mounted: HTMLElement | null = null;
  // The host calls the ref with null and the element at every render: only a node that is gone for good is unmounted.
  const mount = (node: HTMLElement | null) => {
    if (mounted && mounted !== node) {
      const left = mounted;
      setTimeout(() => {
        if (left.isConnected) return;
        roots.get(left)?.unmount();
        roots.delete(left);
      });
    }
    if (!node) return;
    mounted = node;
    if (roots.has(node)) return;
    const root = createRoot(node);
    roots.set(node, root);
    root.render(createElement(CountPanel, { service, run }));
  };
  const hostReact = (window as { react?: HostReact }).react;
  const component = () => {
    // In a stock mode nothing has entered the count yet.
    service.enter();
    return (hostReact?.createElement ?? createElement)('div', { ref: mount, style: { height: '100%' } });
  };
  return [{ name: 'count', iconName: 'tab-roi-threshold', iconLabel: 'Count', label: 'Chromosome count', component }];
}
