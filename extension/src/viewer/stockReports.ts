/**
 * What the host itself does with structured reports, in our mode: the boxes of a count belong to the case, so that the
 * host neither loads them a second time nor offers to save them as loose rectangles.
 */
import { isOwnReport } from '../report/index.ts';
import type { ChromosomeCountService } from './ChromosomeCountService.ts';
import { CHROMOSOME_TOOL } from './chromosomeTool.ts';
import type { DisplaySet, HostParams } from './hostTypes.ts';

/** Measurements of a report by the tool that made them, as the host is about to add them. */
type MeasurementsByTool = Readonly<Record<string, readonly unknown[]>>;

interface Hydration {
  readonly storedMeasurementByAnnotationType: MeasurementsByTool;
  readonly displaySet: DisplaySet;
}

interface StoredMeasurement {
  TrackingUniqueIdentifier: string;
}

const RECTANGLE_TOOL = 'RectangleROI';

/** To be set at the mode's scope. */
export function stockReportCustomizations(service: ChromosomeCountService): object {
  const withoutOurBoxes = ({ storedMeasurementByAnnotationType, displaySet }: Hydration): MeasurementsByTool => {
    const { instance } = displaySet;
    if (instance && isOwnReport(instance)) return {};
    // Rectangles of another program, open for review, are boxes of the case by now.
    if (instance?.SOPInstanceUID !== service.getState().report?.document.sopInstanceUID) return storedMeasurementByAnnotationType;
    const { [RECTANGLE_TOOL]: _taken, ...others } = storedMeasurementByAnnotationType;
    return others;
  };
  /** The host names what it draws of a stored report by tracking UID, as the boxes of the case are named. */
  const apart = ({ measurement }: { measurement: StoredMeasurement }): StoredMeasurement => {
    const prefix = 'stored:';
    const { TrackingUniqueIdentifier: uid } = measurement;
    return Object.assign(measurement, { TrackingUniqueIdentifier: uid.startsWith(prefix) ? uid : `${prefix}${uid}` });
  };
  return { onBeforeSRHydration: { $set: { value: withoutOurBoxes } }, onBeforeSRAddMeasurement: { $set: apart } };
}

const STOCK_COMMAND = 'promptSaveReport';

/**
 * In place of the host's command behind "Create SR": a count is saved as a count; what else was measured goes on to the
 * host's own dialog, as everything does in other modes.
 */
export function createSaveReportCommand({ commandsManager, servicesManager }: HostParams, service: ChromosomeCountService): (options?: object) => Promise<unknown> {
  const stock = commandsManager.getCommand(STOCK_COMMAND);
  return async options => {
    const measurements = servicesManager.services.measurementService.getMeasurements();
    const hasOurs = service.getState().phase === 'open' && measurements.some(({ toolName }) => toolName === CHROMOSOME_TOOL);
    if (hasOurs) await service.reports.save();
    const hasOthers = measurements.some(({ toolName }) => toolName !== CHROMOSOME_TOOL);
    return hasOurs && !hasOthers ? undefined : stock?.commandFn({ ...stock.options, ...options });
  };
}
