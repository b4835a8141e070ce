/** What the mode changes in the host while it is open: keys and the count on the image. */
import { createElement } from 'react';
import { visibleCount } from '../casework/index.ts';
import type { ChromosomeCountService } from './ChromosomeCountService.ts';
import type { HostParams } from './hostTypes.ts';
import { stockReportCustomizations } from './stockReports.ts';

export interface KeyBinding {
  readonly commandName: string;
  readonly label: string;
  readonly keys: readonly string[];
}

/** Listed in the viewer's own preferences, where each can be changed. */
export const KEY_BINDINGS: readonly KeyBinding[] = [
  { commandName: 'countShownCell', label: 'Count this cell', keys: ['g'] },
  { commandName: 'countAllCells', label: 'Count all cells', keys: ['shift+g'] },
  { commandName: 'cancelCount', label: 'Cancel counting', keys: ['shift+esc'] },
  { commandName: 'acceptCell', label: 'Accept cell, go to the next', keys: ['enter'] },
  { commandName: 'nextCell', label: 'Next cell', keys: ['down'] },
  { commandName: 'previousCell', label: 'Previous cell', keys: ['up'] },
  { commandName: 'nextFlaggedCell', label: 'Next flagged cell', keys: ['f'] },
  { commandName: 'showChromosomeCountGallery', label: 'All cells at a glance', keys: ['o'] },
  { commandName: 'editCellDetails', label: 'Number, slide and place of the cell', keys: ['e'] },
  { commandName: 'excludeCell', label: 'Exclude cell', keys: ['x'] },
  { commandName: 'toggleAddMode', label: 'Add boxes (on, off)', keys: ['a'] },
  { commandName: 'toggleRemoveMode', label: 'Remove boxes (on, off)', keys: ['d'] },
  { commandName: 'leaveEditMode', label: 'Leave add or remove mode', keys: ['esc'] },
  { commandName: 'removeChromosome', label: 'Remove the selected box, or the one under the pointer', keys: ['backspace'] },
  { commandName: 'splitChromosome', label: 'Split the selected box', keys: ['s'] },
  { commandName: 'mergeChromosomes', label: 'Merge two selected boxes', keys: ['m'] },
  { commandName: 'toggleChromosomeBoxes', label: 'Show or hide boxes', keys: ['b'] },
  { commandName: 'toggleChromosomeNumbers', label: 'Show or hide numbers', keys: ['n'] },
  { commandName: 'raiseThreshold', label: 'Score threshold up', keys: [']'] },
  { commandName: 'lowerThreshold', label: 'Score threshold down', keys: ['['] },
  { commandName: 'undoChromosomeEdit', label: 'Undo', keys: ['ctrl+z'] },
  { commandName: 'redoChromosomeEdit', label: 'Redo', keys: ['ctrl+y'] },
  { commandName: 'showChromosomeCountHelp', label: 'Help on chromosome count', keys: ['?'] },
];

interface HostBinding {
  keys?: string[] | string;
}

const nameOfKeys = (keys: readonly string[] | string | undefined): string => (Array.isArray(keys) ? keys.join('+') : `${keys ?? ''}`);

/** The host's bindings without those on our keys, and ours: one key, one meaning. */
export function withKeyBindings(hostBindings: readonly HostBinding[]): readonly HostBinding[] {
  const taken = new Set(KEY_BINDINGS.map(binding => nameOfKeys(binding.keys)));
  const kept = hostBindings.filter(binding => !taken.has(nameOfKeys(binding.keys)));
  return [...kept, ...KEY_BINDINGS.map(binding => ({ ...binding, keys: [...binding.keys], isEditable: true }))];
}

interface OverlayProps {
  viewportId: string;
}

/** Registers keys and overlay at the mode's scope, which the host drops when the mode is left. */
export function useCountCustomizations({ servicesManager }: HostParams, service: ChromosomeCountService): void {
  const { customizationService, cornerstoneViewportService } = servicesManager.services;
  const imageOf = (viewportId: string) => cornerstoneViewportService.getCornerstoneViewport(viewportId)?.getCurrentImageId?.();
  customizationService.setCustomizations({
    // The host would play the metaphases of a Secondary Capture series as a film.
    autoCineModalities: { $set: [] },
    'ohif.hotkeyBindings': { $apply: withKeyBindings },
    ...stockReportCustomizations(service),
    'viewportOverlay.topRight': {
      $push: [
        {
          id: 'chromosome-count',
          title: 'Chromosomes counted on this image',
          contentF: ({ viewportId }: OverlayProps) =>
            createElement('div', { ref: (element: HTMLElement | null) => element && showCount(element, service, () => imageOf(viewportId)) }),
        },
      ],
    },
  });
}

const subscribed = new WeakSet<HTMLElement>();

/** The host does not draw overlays again when a count changes, so the element follows the service by itself. */
function showCount(element: HTMLElement, service: ChromosomeCountService, imageId: () => string | undefined): void {
  const write = () => {
    const { caseState } = service.getState();
    const shown = imageId();
    const cellId = shown ? service.cellOfImage(shown) : null;
    const cell = caseState?.cells.find(({ id }) => id === cellId);
    if (!caseState || !cell || cell.state === 'notCounted') {
      element.textContent = '';
      element.hidden = true;
      return;
    }
    element.hidden = false;
    const count = visibleCount(caseState, cell.id, service.person().role);
    const words = cell.state === 'excluded' ? 'excluded' : count === null ? 'not counted yet' : `${count} ${count === 1 ? 'chromosome' : 'chromosomes'}`;
    element.textContent = `Cell ${cell.cellNumber}: ${words}`;
  };
  write();
  if (subscribed.has(element)) return;
  subscribed.add(element);
  element.style.cssText = 'font-size:16px;font-weight:600;color:#fff;background:rgb(0 0 0 / 70%);padding:1px 9px;border-radius:5px';
  element.dataset.cy = 'chromosome-count-overlay';
  const unsubscribe = service.subscribe(() => {
    if (element.isConnected) write();
    else {
      unsubscribe();
      subscribed.delete(element);
    }
  });
}
