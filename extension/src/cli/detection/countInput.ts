import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { detectChromosomes } from '../../detection/detectChromosomes.ts';
import { DetectionError } from '../../detection/errors.ts';
import type { Manifest } from '../../detection/manifest.ts';
import { selectDetections } from '../../detection/selectDetections.ts';
import type { Stages } from '../../detection/types.ts';
import { InputError, messageOf } from '../errors.ts';
import { openImage, type OpenImage } from '../images/openImage.ts';
import { maxFileBytes } from '../inputs/workItem.ts';
import { writeWhole } from '../outputs/atomicFile.ts';
import { drawCount } from '../outputs/boxPicture.ts';
import { readAttributes } from './attributes.ts';
import type { Attributes, CountRequest, DetectorSettings, FailureResult, FrameResult, InputResult } from './protocol.ts';

export interface LoadedModel {
  readonly manifest: Manifest;
  readonly stages: Stages;
}

/**
 * Counts every frame of one input. A frame that fails does not stop the others, and no input stops the run.
 * @throws only what makes the whole run pointless: a picture that cannot be written; the signal's reason
 */
export async function countInput(request: CountRequest, model: LoadedModel, settings: DetectorSettings, signal: AbortSignal): Promise<InputResult> {
  const failures: FailureResult[] = [];
  const frames: FrameResult[] = [];
  let image: OpenImage;
  let attributes: Attributes | undefined;
  try {
    const bytes = request.bytes ?? await readBytes(request.path!);
    image = await openImage(bytes);
    if (settings.wantsAttributes) {
      if (!image.isDicom) throw new InputError('unsupported', 'a structured report refers to DICOM images, this is none');
      attributes = await readAttributes(bytes);
    }
  } catch (error) {
    return { frames, failures: [failureOf(error)] };
  }
  for (let frame = 1; frame <= image.numFrames; frame++) {
    try {
      frames.push(await countFrame(image, frame, request, model, settings, signal));
    } catch (error) {
      if (error instanceof PictureError) throw error.cause;
      if (signal.aborted) throw signal.reason;
      const failure = failureOf(error);
      failures.push(image.numFrames === 1 ? failure : { ...failure, message: `frame ${frame}: ${failure.message}` });
    }
  }
  return { frames, failures, ...(attributes && { attributes }) };
}

class PictureError extends Error {}

async function countFrame(image: OpenImage, frame: number, { pictureName }: CountRequest, { manifest, stages }: LoadedModel, settings: DetectorSettings, signal: AbortSignal): Promise<FrameResult> {
  const start = performance.now();
  const gray = await image.readGray(frame);
  const cell = await detectChromosomes(gray, manifest, stages, { signal });
  const detections = selectDetections(cell.candidates, manifest, settings);
  const result: FrameResult = {
    frame,
    sopInstanceUid: image.sopInstanceUid,
    width: gray.width,
    height: gray.height,
    boxes: detections.map(({ box, score }) => [...box, score] as const),
    types: cell.candidates.types && detections.map(({ type }) => type!),
    flags: cell.flags,
    elapsedMs: performance.now() - start,
  };
  if (settings.pictureFolder === undefined) return result;
  const picture = join(settings.pictureFolder, `${pictureName}${image.numFrames > 1 ? `.frame-${frame}` : ''}.png`);
  const drawn = await drawCount(gray, result);
  await writeWhole(picture, drawn).catch((error: unknown) => {
    throw new PictureError(picture, { cause: error });
  });
  return { ...result, picture };
}

async function readBytes(path: string): Promise<Uint8Array> {
  const { size } = await stat(path);
  if (size > maxFileBytes) throw new InputError('tooLarge', `${size} bytes, at most ${maxFileBytes} are read`);
  return readFile(path);
}

function failureOf(error: unknown): FailureResult {
  if (error instanceof InputError) return { code: error.code, message: error.message };
  if (error instanceof DetectionError) return { code: 'detection', message: error.message };
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall !== undefined) return { code: 'unreadable', message: `cannot be read: ${code} ${messageOf(error)}` };
  return { code: 'detection', message: `detection failed: ${messageOf(error)}` };
}
