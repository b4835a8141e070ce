/**
 * `npm run import -- <folder> [--patient NAME] [--id ID] [--slide LABEL] [--store FOLDER]`: micrographs exported as
 * PNG, JPEG or TIFF become one DICOM study of the embedded store, an image per file and page, in the order of their
 * names. 8-bit pictures become VL Microscopic images, deeper ones Secondary Capture, 16 bits kept.
 */
import { createHash } from 'node:crypto';
import { readFile, readdir, stat } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { encodeImage, specimenAttributes, uidFor } from './dicomImage.mjs';
import { DicomStore } from './dicomStore.mjs';
import { defaultStoreDir } from './server.mjs';

const extensions = new Set(['.png', '.jpg', '.jpeg', '.tif', '.tiff']);
const largestSide = 65535;

/**
 * @typedef {{ pixels: Uint8Array | Uint16Array, width: number, height: number, samples: 1 | 3, bitsStored: 8 | 16 }} Picture
 */

/**
 * The pages of a picture file. Transparency is laid on white, as an empty slide is white; gray stored as equal RGB
 * values becomes gray.
 *
 * @returns {Promise<Picture[]>}
 * @throws Error that says what is wrong with the file
 */
export async function readPicture(path) {
  const data = await readFile(path);
  if (!data.length) throw new Error('the file is empty');
  const information = await sharp(data).metadata().catch(cause => {
    throw new Error('it is no picture, whatever its name says; expected PNG, JPEG or TIFF', { cause });
  });
  if (!['png', 'jpeg', 'tiff'].includes(information.format)) throw new Error(`it is a ${information.format} picture; expected PNG, JPEG or TIFF`);
  if (!['uchar', 'ushort'].includes(information.depth)) throw new Error(`${information.depth} samples are not supported; expected 8 or 16 bits unsigned`);
  const pages = [];
  for (let page = 0; page < (information.pages ?? 1); page++) pages.push(await readPage(data, page));
  return pages;
}

async function readPage(data, page) {
  const source = sharp(data, { page, failOn: 'truncated' });
  const { depth, space, hasAlpha, channels } = await source.metadata();
  const deep = depth === 'ushort';
  const gray = space === 'b-w' || space === 'grey16' || channels <= 2;
  let picture = source.autoOrient();
  if (hasAlpha) picture = picture.flatten({ background: '#ffffff' });
  picture = picture.toColourspace(deep ? (gray ? 'grey16' : 'rgb16') : gray ? 'b-w' : 'srgb');
  const { data: raw, info } = await picture.raw({ depth: deep ? 'ushort' : 'uchar' }).toBuffer({ resolveWithObject: true }).catch(cause => {
    throw new Error(`the picture is damaged or cut short (${cause.message.trim().split('\n')[0]})`, { cause });
  });
  if (info.width > largestSide || info.height > largestSide) throw new Error(`${info.width}×${info.height} px is more than DICOM can hold (${largestSide})`);
  const values = deep ? new Uint16Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength)) : new Uint8Array(raw);
  return asGrayIfEqual({ pixels: values, width: info.width, height: info.height, samples: info.channels, bitsStored: deep ? 16 : 8 });
}

/** Cameras of gray images often write three equal channels; 16-bit colour, which DICOM images seldom hold, becomes luma. */
function asGrayIfEqual(picture) {
  const { pixels, samples, bitsStored } = picture;
  if (samples === 1) return picture;
  if (samples !== 3) throw new Error(`it has ${samples} channels; expected gray or RGB`);
  let equal = true;
  for (let i = 0; equal && i < pixels.length; i += 3) equal = pixels[i] === pixels[i + 1] && pixels[i] === pixels[i + 2];
  if (!equal && bitsStored === 8) return picture;
  const gray = new pixels.constructor(pixels.length / 3);
  for (let i = 0; i < gray.length; i++) {
    gray[i] = equal ? pixels[3 * i] : Math.floor(0.299 * pixels[3 * i] + 0.587 * pixels[3 * i + 1] + 0.114 * pixels[3 * i + 2] + 0.5);
  }
  return { ...picture, pixels: gray, samples: 1 };
}

/** Cameras store 10, 12 or 14 bits in 16: shown over the whole range the picture would be black. */
function displayWindow({ pixels, bitsStored, samples }) {
  if (bitsStored === 8 || samples !== 1) return {};
  let [low, high] = [Infinity, -Infinity];
  for (const value of pixels) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { WindowCenter: (low + high + 1) / 2, WindowWidth: Math.max(1, high - low + 1) };
}

/** A folder's name as a value: `\\` would part it in two, `^` and `=` part a person's name. */
const asValue = (text, length = 64) => text.replace(/[\\^=]/g, ' ').slice(0, length);

const dicomDate = date => date.toISOString().slice(0, 10).replaceAll('-', '');
const dicomTime = date => date.toISOString().slice(11, 19).replaceAll(':', '');

/**
 * @param {object} options
 * @param {string} options.folder
 * @param {DicomStore} options.store
 * @param {string} [options.patient] DICOM person name, such as Family^Given
 * @param {string} [options.id] patient ID
 * @param {string} [options.slide]
 * @param {(file: string, error: Error | null, numImages: number) => void} [options.onFile]
 * @returns {Promise<{ studyInstanceUID: string, numImages: number, failed: { file: string, message: string }[] }>}
 *   The same folder with the same pictures gives the same study: importing twice adds nothing.
 * @throws Error when the folder cannot be read or holds no picture
 */
export async function importFolder({ folder, store, patient = '', id = '', slide = '1', onFile = () => {} }) {
  const name = basename(resolve(folder));
  const entries = await readdir(folder).catch(error => {
    throw new Error(error.code === 'ENOENT' ? `no such folder: ${folder}` : error.code === 'ENOTDIR' ? `not a folder: ${folder}` : `cannot read ${folder}: ${error.code}`);
  });
  const files = entries.filter(entry => extensions.has(extname(entry).toLowerCase())).sort(new Intl.Collator('en', { numeric: true }).compare);
  if (!files.length) throw new Error(`no PNG, JPEG or TIFF picture in ${folder} itself; folders below it are imported one by one, each as a study`);
  const digests = [];
  // One after the other: a folder may hold more than the memory.
  for (const file of files) digests.push(createHash('sha256').update(await readFile(join(folder, file)).catch(() => '')).digest('hex'));
  const key = createHash('sha256').update(JSON.stringify([name, patient, id, slide, files, digests])).digest('hex');
  const studyInstanceUID = uidFor(`import ${key}`);
  const taken = (await stat(join(folder, files[0]))).mtime;
  let numImages = 0;
  const failed = [];
  for (const [index, file] of files.entries()) {
    try {
      const pages = await readPicture(join(folder, file));
      for (const [page, picture] of pages.entries()) {
        const { samples, bitsStored } = picture;
        const kind = bitsStored > 8 ? 'secondaryCapture' : 'vlMicroscopic';
        const sopInstanceUID = uidFor(`import ${key} ${index} ${page}`);
        // The UID names the pixels. Encoded again the file could differ: a copied folder has other dates.
        if (store.select({ sopUID: sopInstanceUID }).length) {
          numImages++;
          continue;
        }
        const encoded = await encodeImage({
          frames: [picture.pixels], width: picture.width, height: picture.height, samples, bitsStored, kind,
          attributes: {
            PatientName: patient || asValue(name), PatientID: id || asValue(name), PatientBirthDate: '', PatientSex: '',
            StudyInstanceUID: studyInstanceUID, StudyID: '1', StudyDescription: asValue(`Imported: ${name}`), AccessionNumber: '',
            StudyDate: dicomDate(taken), StudyTime: dicomTime(taken), ReferringPhysicianName: '',
            SeriesInstanceUID: uidFor(`import ${key} ${kind}`), SeriesNumber: kind === 'vlMicroscopic' ? 1 : 2, SeriesDescription: asValue(`Slide ${slide}`),
            SOPInstanceUID: sopInstanceUID, InstanceNumber: numImages + 1,
            Modality: kind === 'vlMicroscopic' ? 'GM' : 'OT', Manufacturer: 'chromosome-count import', ManufacturerModelName: 'import', PatientOrientation: [],
            ContentDate: dicomDate(taken), ContentTime: dicomTime(taken), AcquisitionDateTime: dicomDate(taken) + dicomTime(taken),
            ImageComments: pages.length > 1 ? `${file}, page ${page + 1}` : file,
            ...displayWindow(picture),
            ...specimenAttributes({ slide: asValue(slide), accession: asValue(name, 32), preparation: 'Metaphase preparation' }),
          },
        });
        await store.add(encoded);
        numImages++;
      }
      onFile(file, null, pages.length);
    } catch (error) {
      if (error.code === 'diskFull') throw error;
      const message = String(error.message).split('\n')[0];
      failed.push({ file, message });
      onFile(file, new Error(message), 0);
    }
  }
  return { studyInstanceUID, numImages, failed };
}

const usage = 'usage: npm run import -- <folder> [--patient Family^Given] [--id ID] [--slide LABEL] [--store FOLDER]';

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { patient: { type: 'string' }, id: { type: 'string' }, slide: { type: 'string' }, store: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) return console.log(usage);
  if (positionals.length !== 1) throw new Error(`expected one folder, got ${positionals.length}\n${usage}`);
  // `npm run` goes to the package's folder first; a path is meant from where it was called.
  const from = (process.env.npm_lifecycle_event && process.env.INIT_CWD) || process.cwd();
  const store = await DicomStore.open(values.store === undefined ? defaultStoreDir : resolve(from, values.store));
  const { patient, id, slide } = values;
  const { numImages, failed, studyInstanceUID } = await importFolder({
    folder: resolve(from, positionals[0]), store, patient, id, slide,
    onFile: (file, error, pages) => (error ? console.error(`  ${file}: not imported: ${error.message}`) : console.log(`  ${file}${pages > 1 ? ` (${pages} pages)` : ''}`)),
  });
  console.log(`${numImages} image${numImages === 1 ? '' : 's'} imported, ${failed.length} file${failed.length === 1 ? '' : 's'} failed; study ${studyInstanceUID}`);
  console.log('They are in the worklist of npm start: reload it where it is open.');
  if (failed.length) process.exitCode = 1;
  return undefined;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().catch(error => {
    console.error(`import: ${error.message}`);
    process.exitCode = 1;
  });
}
