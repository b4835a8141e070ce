import { applyAction, createCase, type CaseState, type NewCell } from '../../casework/index.ts';
import { encodeReport, newUID, writeReport } from '../../report/index.ts';
import type { Attributes, DetectorDescription, FrameResult } from '../detection/protocol.ts';

/** One instance of a study and what was counted on its frames. */
export interface CountedInstance {
  readonly attributes: Attributes;
  readonly frames: readonly FrameResult[];
}

const softwareName = 'chromosome-count';
/** Names the program in the log of the case; no person observed anything, and none is made up. */
const unattended = { name: softwareName, role: 'model' } as const;

/**
 * The unreviewed report of one study: what the viewer would store after counting every cell, PRELIMINARY and PARTIAL.
 * @param instances at least one, all of the same study
 * @param deviceUid of this installation
 * @returns a DICOM part-10 file and its UID
 * @throws ReportError, CaseworkError where the attributes do not make a valid report
 */
export async function writeStudyReport(instances: readonly CountedInstance[], description: DetectorDescription, { now, deviceUid, softwareVersion }: { now: Date; deviceUid: string; softwareVersion: string }): Promise<{ file: Uint8Array; sopInstanceUid: string }> {
  const inOrder = [...instances].sort((a, b) =>
    order(a, 'SeriesNumber') - order(b, 'SeriesNumber') || order(a, 'InstanceNumber') - order(b, 'InstanceNumber') || (text(a, 'SOPInstanceUID') < text(b, 'SOPInstanceUID') ? -1 : 1));
  const study = inOrder[0].attributes;
  const dataset = await writeReport(countedCase(inOrder, description, now.toISOString()), {
    study,
    device: { uid: deviceUid, name: softwareName, manufacturer: softwareName, modelName: description.modelId, serialNumber: description.modelSha256.slice(0, 16), softwareVersion },
    images: inOrder.map(({ attributes }) => attributes),
    now,
  });
  return { file: new Uint8Array(await encodeReport(dataset)), sopInstanceUid: String(dataset.SOPInstanceUID) };
}

function countedCase(instances: readonly CountedInstance[], description: DetectorDescription, at: string): CaseState {
  const signature = { by: unattended, at };
  const counted = instances.flatMap((instance) => instance.frames.map((frame) => ({ instance, frame })));
  const cells = counted.map(({ instance, frame }, i) => newCell(instance, frame, i + 1));
  let state = createCase({ studyInstanceUID: text(instances[0], 'StudyInstanceUID') });
  state = applyAction(state, { type: 'addCells', cells, ...signature });
  for (const [i, { frame }] of counted.entries()) {
    state = applyAction(state, {
      type: 'recordAiRun',
      cellId: cells[i].id,
      run: {
        modelId: description.modelId,
        modelVersion: description.modelVersion,
        modelSha256: description.modelSha256,
        method: description.method,
        scoreThreshold: description.scoreThreshold,
        provider: description.provider,
        flags: frame.flags,
        elapsedMs: Math.round(frame.elapsedMs),
      },
      detections: frame.boxes.map(([x0, y0, x1, y1, score], box) => ({
        id: newUID(), box: [x0, y0, x1, y1], score, ...(frame.types && { type: frame.types[box] }),
      })),
      ...signature,
    });
  }
  return state;
}

/** The cell under the id, number and place that the viewer gives it. */
function newCell({ attributes }: CountedInstance, { frame, width, height }: FrameResult, cellNumber: number): NewCell {
  const { SOPInstanceUID, SOPClassUID, SeriesInstanceUID, FrameOfReferenceUID, ContainerIdentifier } = attributes as Record<string, string | undefined>;
  const device = [attributes.Manufacturer, attributes.ManufacturerModelName].filter(Boolean).join(' ');
  const sequence = attributes.ImageCenterPointCoordinatesSequence;
  const centre = (Array.isArray(sequence) ? sequence[0] : sequence) as Attributes | undefined;
  const x = Number(centre?.XOffsetInSlideCoordinateSystem);
  const y = Number(centre?.YOffsetInSlideCoordinateSystem);
  return {
    id: `${SOPInstanceUID}:${frame}`,
    cellNumber,
    imageRef: {
      sopInstanceUID: SOPInstanceUID ?? '',
      sopClassUID: SOPClassUID ?? '',
      seriesInstanceUID: SeriesInstanceUID ?? '',
      frameNumber: frame,
      rows: height,
      columns: width,
      ...(FrameOfReferenceUID && { frameOfReferenceUID: FrameOfReferenceUID }),
      ...(device && { device }),
    },
    ...(ContainerIdentifier && { slide: ContainerIdentifier }),
    ...(centre && Number.isFinite(x) && Number.isFinite(y) && { coordinates: { x, y } }),
  };
}

const text = ({ attributes }: CountedInstance, keyword: string) => String(attributes[keyword] ?? '');

function order({ attributes }: CountedInstance, keyword: string): number {
  const value = Number(attributes[keyword]);
  return Number.isFinite(value) ? value : Number.MAX_SAFE_INTEGER;
}
