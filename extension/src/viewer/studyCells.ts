/** Display sets of the open study → the cells of the case, one per frame. */
import type { ImageRef, NewCell } from '../casework/types.ts';
import { PLUGIN_MANUFACTURER } from '../report/index.ts';
import type { Core, DataSource, DisplaySet, Instance } from './hostTypes.ts';

/** A cell and where the host shows it. */
export interface StudyCell extends NewCell {
  readonly imageId: string;
  readonly displaySetInstanceUID: string;
}

export interface StudyCells {
  readonly cells: readonly StudyCell[];
  /** One sentence for every kind of image that is left out; empty when all fit. */
  readonly declined: readonly string[];
}

const WHOLE_SLIDE = '1.2.840.10008.5.1.4.1.1.77.1.6';

/** Gray or colour frames that a camera takes of one metaphase. */
const METAPHASE_SOP_CLASSES: Readonly<Record<string, string>> = {
  '1.2.840.10008.5.1.4.1.1.77.1.2': 'VL Microscopic',
  '1.2.840.10008.5.1.4.1.1.77.1.3': 'VL Slide-Coordinates Microscopic',
  '1.2.840.10008.5.1.4.1.1.77.1.4': 'VL Photographic',
  '1.2.840.10008.5.1.4.1.1.7': 'Secondary Capture',
  '1.2.840.10008.5.1.4.1.1.7.1': 'Multi-frame Single Bit Secondary Capture',
  '1.2.840.10008.5.1.4.1.1.7.2': 'Multi-frame Grayscale Byte Secondary Capture',
  '1.2.840.10008.5.1.4.1.1.7.3': 'Multi-frame Grayscale Word Secondary Capture',
  '1.2.840.10008.5.1.4.1.1.7.4': 'Multi-frame True Color Secondary Capture',
};

export const cellIdOf = (sopInstanceUID: string, frameNumber: number): string => `${sopInstanceUID}:${frameNumber}`;

const orderOf = (value: unknown): number => {
  const number = Number(value);
  return Number.isFinite(number) ? number : Number.MAX_SAFE_INTEGER;
};

/**
 * Cells in the order of series number, then of the host's stack, numbered from 1.
 * @throws nothing: images that are no metaphase are named in `declined`.
 */
export function collectCells(displaySets: readonly DisplaySet[], dataSource: DataSource, core: Core): StudyCells {
  const cells: StudyCell[] = [];
  const declined = new Set<string>();
  const inOrder = [...displaySets].sort((a, b) => orderOf(a.SeriesNumber) - orderOf(b.SeriesNumber));
  for (const displaySet of inOrder) {
    const instance = displaySet.instances?.[0] ?? displaySet.instance;
    const sopClassUID = instance?.SOPClassUID ?? displaySet.SOPClassUID ?? '';
    if (sopClassUID === WHOLE_SLIDE) {
      declined.add('Whole-slide images are not counted here: export the metaphases as single images.');
      continue;
    }
    // A picture of a cell with its boxes that was saved from here is no cell of its own.
    if (!(sopClassUID in METAPHASE_SOP_CLASSES) || displaySet.unsupported || instance?.Manufacturer === PLUGIN_MANUFACTURER) continue;
    const numFramesSeen = new Map<string, number>();
    for (const imageId of dataSource.getImageIdsForDisplaySet(displaySet)) {
      const imageRef = readImageRef(core, imageId, numFramesSeen);
      if (!imageRef) {
        declined.add(`An image of series ${displaySet.SeriesNumber ?? '?'} has no size in its header and cannot be counted.`);
        continue;
      }
      const source = core.metaData.get('instance', imageId) as Instance;
      cells.push({
        id: cellIdOf(imageRef.sopInstanceUID, imageRef.frameNumber),
        cellNumber: cells.length + 1,
        imageRef,
        ...slidePlace(source),
        imageId,
        displaySetInstanceUID: displaySet.displaySetInstanceUID,
      });
    }
  }
  return { cells, declined: [...declined] };
}

function readImageRef(core: Core, imageId: string, numFramesSeen: Map<string, number>): ImageRef | null {
  const instance = core.metaData.get('instance', imageId) as Instance | undefined;
  if (!instance?.SOPInstanceUID) return null;
  // A stack lists the frames of an instance in order, which holds for every form of image id.
  const frameNumber = (numFramesSeen.get(instance.SOPInstanceUID) ?? 0) + 1;
  numFramesSeen.set(instance.SOPInstanceUID, frameNumber);
  const rows = Number(instance.Rows);
  const columns = Number(instance.Columns);
  if (!(rows > 0 && columns > 0)) return null;
  const device = [instance.Manufacturer, instance.ManufacturerModelName].filter(Boolean).join(' ');
  return {
    sopInstanceUID: instance.SOPInstanceUID,
    sopClassUID: instance.SOPClassUID,
    seriesInstanceUID: instance.SeriesInstanceUID,
    frameNumber,
    rows,
    columns,
    ...(instance.FrameOfReferenceUID ? { frameOfReferenceUID: instance.FrameOfReferenceUID } : {}),
    ...(device ? { device } : {}),
  };
}

/** Slide and stage position where the image carries them (VL Slide-Coordinates). */
function slidePlace(instance: Instance): Pick<NewCell, 'slide' | 'coordinates'> {
  const sequence = instance.ImageCenterPointCoordinatesSequence;
  const item = Array.isArray(sequence) ? sequence[0] : sequence;
  const x = Number(item?.XOffsetInSlideCoordinateSystem);
  const y = Number(item?.YOffsetInSlideCoordinateSystem);
  return {
    ...(instance.ContainerIdentifier ? { slide: String(instance.ContainerIdentifier) } : {}),
    ...(item && Number.isFinite(x) && Number.isFinite(y) ? { coordinates: { x, y } } : {}),
  };
}
