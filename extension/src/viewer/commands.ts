/** The commands of the extension: each one asks the service; keys, panel and other extensions all come through here. */
import type { ExclusionReason } from '../casework/types.ts';
import type { ChromosomeCountService } from './ChromosomeCountService.ts';
import type { EditMode } from './chromosomeTool.ts';
import { useCountCustomizations } from './customization.ts';
import type { HostParams } from './hostTypes.ts';
import { createSaveReportCommand } from './stockReports.ts';

const THRESHOLD_STEP = 0.05;

/** For what is shown on request: the page listens, so that a key works whether or not the panel is on the screen. */
export const PANEL_REQUEST = 'chromosome-count-panel-request';
export type PanelRequest = 'help' | 'exclude' | 'details' | 'gallery';
const askPanel = (request: PanelRequest) => window.dispatchEvent(new CustomEvent(PANEL_REQUEST, { detail: request }));

export function createCommandsModule(host: HostParams, service: ChromosomeCountService) {
  const toggleMode = (mode: EditMode) => service.boxes.setMode(service.getState().editMode === mode ? 'select' : mode);
  const definitions: Record<string, (options?: never) => unknown> = {
    enterChromosomeCount: () => {
      useCountCustomizations(host, service);
      service.enter();
    },
    leaveChromosomeCount: () => service.leave(),
    countShownCell: () => service.runs.countShown(),
    countAllCells: () => service.runs.countAll(),
    recountAllCells: () => service.runs.recountAll(),
    cancelCount: () => service.runs.cancel(),
    acceptCell: () => service.signing.acceptShown(),
    excludeCell: (options?: { reason?: ExclusionReason; text?: string }) =>
      options?.reason ? service.signing.excludeShown(options.reason, options.text) : askPanel('exclude'),
    includeCell: () => service.signing.includeShown(),
    nextCell: () => service.navigation.showNext(),
    previousCell: () => service.navigation.showPrevious(),
    nextFlaggedCell: () => service.navigation.showNextFlagged(),
    toggleAddMode: () => toggleMode('add'),
    toggleRemoveMode: () => toggleMode('remove'),
    leaveEditMode: () => service.boxes.leaveMode(),
    removeChromosome: () => service.boxes.removeSelected(),
    splitChromosome: () => service.boxes.splitSelected(),
    mergeChromosomes: () => service.boxes.mergeSelected(),
    toggleChromosomeBoxes: () => service.changeSettings({ showBoxes: !service.getState().settings.showBoxes }),
    toggleChromosomeNumbers: () => service.changeSettings({ showNumbers: !service.getState().settings.showNumbers }),
    raiseThreshold: () => service.runs.setThreshold(service.getState().scoreThreshold + THRESHOLD_STEP),
    lowerThreshold: () => service.runs.setThreshold(service.getState().scoreThreshold - THRESHOLD_STEP),
    undoChromosomeEdit: () => service.undo(),
    redoChromosomeEdit: () => service.redo(),
    saveChromosomeCount: () => service.reports.save(),
    promptSaveReport: createSaveReportCommand(host, service),
    saveCellPicture: () => service.reports.savePicture(),
    editCellDetails: () => askPanel('details'),
    showChromosomeCountGallery: () => askPanel('gallery'),
    showChromosomeCountHelp: () => askPanel('help'),
  };
  return { definitions, defaultContext: 'DEFAULT' };
}
