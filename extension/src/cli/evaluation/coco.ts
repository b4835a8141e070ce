import { readFile } from 'node:fs/promises';
import { FatalError, messageOf } from '../errors.ts';
import type { Box, EvaluatedImage } from '../metrics.ts';
import { writeWhole } from '../outputs/atomicFile.ts';

/** Marked images: file name (without folders) → truth boxes, xyxy in image px. */
export interface Truth {
  readonly boxesOf: ReadonlyMap<string, readonly Box[]>;
  readonly sizeOf: ReadonlyMap<string, readonly [width: number, height: number]>;
  /** `id` in the truth file */
  readonly idOf: ReadonlyMap<string, number>;
}

interface CocoJson {
  readonly images: readonly { readonly id: number; readonly file_name: string; readonly width: number; readonly height: number }[];
  readonly annotations: readonly { readonly image_id: number; readonly bbox: readonly number[] }[];
}

/** @throws FatalError that names the file and what is wrong in it */
export async function readTruth(path: string): Promise<Truth> {
  const reject = (reason: string, cause?: unknown): never => {
    throw new FatalError(`${path}: ${reason}`, { cause });
  };
  let json: CocoJson;
  try {
    json = JSON.parse(await readFile(path, 'utf8')) as CocoJson;
  } catch (error) {
    return reject(`cannot be read as COCO JSON: ${messageOf(error)}`, error);
  }
  if (!Array.isArray(json?.images) || !Array.isArray(json.annotations)) return reject('expected COCO JSON with "images" and "annotations"');
  const nameOf = new Map<number, string>();
  const idOf = new Map<string, number>();
  const boxesOf = new Map<string, Box[]>();
  const sizeOf = new Map<string, readonly [number, number]>();
  for (const { id, file_name: fileName, width, height } of json.images) {
    const name = baseName(String(fileName));
    if (boxesOf.has(name)) reject(`two images are called ${name}`);
    nameOf.set(id, name);
    idOf.set(name, id);
    boxesOf.set(name, []);
    sizeOf.set(name, [width, height]);
  }
  for (const { image_id: imageId, bbox } of json.annotations) {
    const name = nameOf.get(imageId);
    if (name === undefined) return reject(`an annotation belongs to image ${imageId}, which is not listed`);
    if (!Array.isArray(bbox) || bbox.length !== 4 || !bbox.every(Number.isFinite) || bbox[2] <= 0 || bbox[3] <= 0) {
      return reject(`an annotation of ${name} has the bbox ${JSON.stringify(bbox)}, expected [x, y, width, height]`);
    }
    const [x, y, width, height] = bbox as [number, number, number, number];
    boxesOf.get(name)!.push([x, y, x + width, y + height]);
  }
  return { boxesOf, sizeOf, idOf };
}

/** COCO results: one entry a box, all of one category, [x, y, width, height] in image px. */
export function writeCocoResults(path: string, evaluated: ReadonlyMap<string, EvaluatedImage>, { idOf }: Truth): Promise<void> {
  const results = [...evaluated].flatMap(([name, { detections }]) => detections.map(({ box: [x0, y0, x1, y1], score }) => ({
    image_id: idOf.get(name), category_id: 1, bbox: [x0, y0, x1 - x0, y1 - y0], score,
  })));
  return writeWhole(path, `${JSON.stringify(results)}\n`);
}

export function baseName(file: string): string {
  return file.slice(file.lastIndexOf('/') + 1);
}
