import { readFile } from 'node:fs/promises';
import { FatalError, messageOf } from '../errors.ts';
import type { Box } from '../metrics.ts';

/** Marked images: file name (without folders) → truth boxes, xyxy in image px. */
export interface Truth {
  readonly boxesOf: ReadonlyMap<string, readonly Box[]>;
  readonly sizeOf: ReadonlyMap<string, readonly [width: number, height: number]>;
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
  const boxesOf = new Map<string, Box[]>();
  const sizeOf = new Map<string, readonly [number, number]>();
  for (const { id, file_name: fileName, width, height } of json.images) {
    const name = baseName(String(fileName));
    if (boxesOf.has(name)) reject(`two images are called ${name}`);
    nameOf.set(id, name);
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
  return { boxesOf, sizeOf };
}

export function baseName(file: string): string {
  return file.slice(file.lastIndexOf('/') + 1);
}
