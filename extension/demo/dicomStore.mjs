/**
 * A small DICOM archive on disk: one Part 10 file per instance, and beside it the attributes as DICOM JSON, from which
 * the index is rebuilt at start. Knows nothing of HTTP.
 *
 *   <folder>/instances/<StudyInstanceUID>/<SeriesInstanceUID>/<SOPInstanceUID>.dcm and .json
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import dcmjs from 'dcmjs';
import dicomParser from 'dicom-parser';

const { DicomMessage, ReadBufferStream } = dcmjs.data;

// dcmjs 0.52 reads text inside sequences as Latin-1 (names deep in a report): the stream of an item does not inherit the
// decoder that Specific Character Set chose.
const { more } = ReadBufferStream.prototype;
ReadBufferStream.prototype.more = function (length) {
  const child = more.call(this, length);
  child.setDecoder(this.decoder);
  return child;
};

const pixelDataTag = '7FE00010';
const binaryVrs = new Set(['OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'UN']);
const numberVrs = new Set(['DS', 'FD', 'FL', 'IS', 'SL', 'SS', 'UL', 'US', 'SV', 'UV']);
/** Binary values up to this many bytes stand in the metadata; larger ones are fetched as bulk data. */
const inlineBytes = 1024;
const uidPattern = /^[0-9]+(\.[0-9]+)*$/;

/** One class, one code per cause: the STOW failure reasons of PS3.18 table I.2-2 and the HTTP side decide on it. */
export class StoreError extends Error {
  /** @param {'notDicom'|'invalidIdentifier'|'wrongStudy'|'duplicate'|'unsupportedSyntax'|'diskFull'|'notFound'|'badFrame'} code */
  constructor(code, message) {
    super(message);
    this.name = 'StoreError';
    this.code = code;
  }
}

/** @typedef {Record<string, { vr: string, Value?: unknown[], InlineBinary?: string, BulkDataURI?: string }>} DicomJson */
/** @typedef {{ studyUID: string, seriesUID: string, sopUID: string, sopClassUID: string, transferSyntaxUID: string, attributes: DicomJson }} Instance */

const first = (attributes, tag) => attributes[tag]?.Value?.[0];

/** dcmjs' dictionary to the DICOM JSON model of PS3.18 annex F. Bulk data become a URI relative to the instance. */
function toDicomJson(dict, path = '') {
  /** @type {DicomJson} */
  const out = {};
  for (const tag of Object.keys(dict).sort()) {
    const { vr, Value: values } = dict[tag];
    if (tag.endsWith('0000')) continue;
    const here = path ? `${path}/${tag}` : tag;
    if (binaryVrs.has(vr)) out[tag] = binaryToJson(vr, values, here);
    else if (vr === 'SQ') out[tag] = { vr, ...((values ?? []).length ? { Value: values.map((item, i) => toDicomJson(item, `${here}/${i}`)) } : {}) };
    else {
      const list = (Array.isArray(values) ? values : values == null ? [] : [values]).map(value => valueToJson(vr, value));
      while (list.length && list[list.length - 1] === null) list.pop();
      out[tag] = list.length ? { vr, Value: list } : { vr };
    }
  }
  return out;
}

function binaryToJson(vr, values, path) {
  const bytes = (values ?? []).reduce((sum, value) => sum + (value?.byteLength ?? 0), 0);
  if (bytes === 0 && path !== pixelDataTag) return { vr };
  // Bulk data inside sequences have no address of their own here: they always stand in the metadata.
  if (path === pixelDataTag || (bytes > inlineBytes && !path.includes('/'))) return { vr, BulkDataURI: path === pixelDataTag ? 'frames' : `bulkdata/${path}` };
  return { vr, InlineBinary: Buffer.concat(values.map(value => Buffer.from(value))).toString('base64') };
}

function valueToJson(vr, value) {
  if (value === null || value === undefined || value === '') return null;
  if (vr === 'PN') {
    const { Alphabetic, Ideographic, Phonetic } = typeof value === 'object' ? value : { Alphabetic: String(value) };
    const name = { ...(Alphabetic ? { Alphabetic } : {}), ...(Ideographic ? { Ideographic } : {}), ...(Phonetic ? { Phonetic } : {}) };
    return Object.keys(name).length ? name : null;
  }
  if (vr === 'AT') return (typeof value === 'number' ? value.toString(16).padStart(8, '0') : String(value)).toUpperCase();
  if (numberVrs.has(vr)) {
    const number = Number(value);
    return Number.isFinite(number) ? number : String(value);
  }
  return String(value);
}

/**
 * @param {Buffer} file
 * @returns {Instance}
 * @throws StoreError notDicom, invalidIdentifier, unsupportedSyntax
 */
export function readInstance(file) {
  let dicom;
  try {
    dicom = DicomMessage.readFile(file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength));
  } catch (error) {
    throw new StoreError('notDicom', `not a readable DICOM Part 10 file: ${error instanceof Error ? error.message : error}`);
  }
  const attributes = toDicomJson(dicom.dict);
  const transferSyntaxUID = first(dicom.meta, '00020010');
  const instance = {
    studyUID: first(attributes, '0020000D'),
    seriesUID: first(attributes, '0020000E'),
    sopUID: first(attributes, '00080018'),
    sopClassUID: first(attributes, '00080016'),
    transferSyntaxUID,
    attributes,
  };
  for (const [name, uid] of Object.entries({ StudyInstanceUID: instance.studyUID, SeriesInstanceUID: instance.seriesUID, SOPInstanceUID: instance.sopUID, SOPClassUID: instance.sopClassUID, TransferSyntaxUID: transferSyntaxUID })) {
    if (typeof uid !== 'string' || uid.length > 64 || !uidPattern.test(uid)) throw new StoreError('invalidIdentifier', `${name} must be a UID, got ${JSON.stringify(uid)}`);
  }
  if (transferSyntaxUID === '1.2.840.10008.1.2.1.99' || transferSyntaxUID === '1.2.840.10008.1.2.2') {
    throw new StoreError('unsupportedSyntax', `transfer syntax ${transferSyntaxUID} (deflated or big endian) is not supported`);
  }
  attributes['00083002'] = { vr: 'UI', Value: [transferSyntaxUID] };
  return instance;
}

function asStoreError(error, what) {
  if (error instanceof StoreError) return error;
  if (error?.code === 'ENOSPC' || error?.code === 'EDQUOT') return new StoreError('diskFull', `no space left on the disk while writing ${what}`);
  return error;
}

export class DicomStore {
  /** @type {Map<string, Instance>} by SOPInstanceUID */
  #instances = new Map();
  /** @type {Map<string, Promise<unknown>>} writes in progress, by SOPInstanceUID */
  #writing = new Map();

  /** Files that cannot be read as instances: named once, then left alone. */
  #damaged = new Set();

  /** @param {string} folder */
  constructor(folder) {
    this.folder = folder;
  }

  /**
   * Opens the folder, made if missing, and reads its index. A damaged index file is built again from its instance.
   * @returns {Promise<DicomStore>}
   */
  static async open(folder) {
    const store = new DicomStore(folder);
    await mkdir(join(folder, 'instances'), { recursive: true });
    await store.refresh();
    return store;
  }

  /** Takes up what another process, such as the import, has written since. */
  async refresh() {
    for (const entry of await readdir(join(this.folder, 'instances'), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.dcm') || this.#instances.has(entry.name.slice(0, -'.dcm'.length))) continue;
      const path = join(entry.parentPath ?? entry.path, entry.name);
      const index = path.replace(/\.dcm$/, '.json');
      let instance = await readFile(index, 'utf8').then(JSON.parse).catch(() => null);
      if (!instance?.attributes) {
        if (this.#damaged.has(path)) continue;
        try {
          instance = readInstance(await readFile(path));
        } catch (error) {
          if (!(error instanceof StoreError)) throw error;
          this.#damaged.add(path);
          console.warn(`store: ${path} is left out: ${error.message}`);
          continue;
        }
        await writeFile(index, JSON.stringify(instance));
      }
      this.#instances.set(instance.sopUID, instance);
    }
  }

  get size() {
    return this.#instances.size;
  }

  /** @returns {Instance[]} those of the study, series or instance; all of them without arguments */
  select({ studyUID, seriesUID, sopUID } = {}) {
    const found = [];
    for (const instance of this.#instances.values()) {
      if (studyUID && instance.studyUID !== studyUID) continue;
      if (seriesUID && instance.seriesUID !== seriesUID) continue;
      if (sopUID && instance.sopUID !== sopUID) continue;
      found.push(instance);
    }
    const order = instance => [instance.studyUID, Number(first(instance.attributes, '00200011') ?? 0), instance.seriesUID, Number(first(instance.attributes, '00200013') ?? 0)];
    return found.sort((a, b) => {
      const [x, y] = [order(a), order(b)];
      for (let i = 0; i < x.length; i++) {
        if (x[i] < y[i]) return -1;
        if (x[i] > y[i]) return 1;
      }
      return 0;
    });
  }

  #path({ studyUID, seriesUID, sopUID }) {
    return join(this.folder, 'instances', studyUID, seriesUID, sopUID);
  }

  /**
   * Stores a Part 10 file. The same file a second time is accepted and changes nothing.
   * @param {Buffer} file
   * @param {{ studyUID?: string }} [expected]
   * @returns {Promise<Instance>}
   * @throws StoreError notDicom, invalidIdentifier, unsupportedSyntax, wrongStudy, duplicate, diskFull
   */
  async add(file, { studyUID } = {}) {
    const instance = readInstance(file);
    if (studyUID && instance.studyUID !== studyUID) {
      throw new StoreError('wrongStudy', `instance belongs to study ${instance.studyUID}, expected ${studyUID}`);
    }
    // Two requests with the same instance: the second waits, and then finds it stored.
    await this.#writing.get(instance.sopUID)?.catch(() => {});
    const known = this.#instances.get(instance.sopUID);
    if (known) {
      const digest = data => createHash('sha256').update(data).digest('hex');
      if (digest(await this.read(known)) === digest(file)) return known;
      throw new StoreError('duplicate', `an instance ${instance.sopUID} with other content is already stored`);
    }
    const write = this.#write(instance, file);
    this.#writing.set(instance.sopUID, write);
    try {
      await write;
    } finally {
      this.#writing.delete(instance.sopUID);
    }
    return instance;
  }

  async #write(instance, file) {
    const path = this.#path(instance);
    try {
      await mkdir(join(path, '..'), { recursive: true });
      await writeFile(`${path}.json`, JSON.stringify(instance));
      // The .dcm name appears only when the whole file is on disk: a crash leaves no half instance in the index.
      await writeFile(`${path}.part`, file, { flush: true });
      await rename(`${path}.part`, `${path}.dcm`);
    } catch (error) {
      await Promise.all(['.part', '.json'].map(suffix => rm(path + suffix, { force: true }))).catch(() => {});
      throw asStoreError(error, `instance ${instance.sopUID}`);
    }
    this.#instances.set(instance.sopUID, instance);
  }

  /** Takes an instance out of the index and off the disk. */
  async remove(instance) {
    this.#instances.delete(instance.sopUID);
    await Promise.all(['.dcm', '.json'].map(suffix => rm(this.#path(instance) + suffix, { force: true })));
  }

  /** @returns {Promise<Buffer>} the Part 10 file */
  read(instance) {
    return readFile(`${this.#path(instance)}.dcm`);
  }

  /**
   * @param {Instance} instance
   * @param {number[]} frames from 1
   * @returns {Promise<Buffer[]>} as stored: raw, or one codestream each
   * @throws StoreError notFound without pixel data; badFrame
   */
  async readFrames(instance, frames) {
    const file = await this.read(instance);
    let data;
    try {
      data = dicomParser.parseDicom(file);
    } catch (error) {
      throw new StoreError('badFrame', `the stored file cannot be read: ${error?.exception ?? error?.message ?? error}`);
    }
    const pixels = data.elements.x7fe00010;
    if (!pixels) throw new StoreError('notFound', `instance ${instance.sopUID} has no pixel data`);
    const number = tag => Number(first(instance.attributes, tag));
    const numFrames = number('00280008') || 1;
    return frames.map(frame => {
      if (frame < 1 || frame > numFrames) throw new StoreError('badFrame', `frame ${frame} does not exist: the instance has ${numFrames}`);
      if (pixels.encapsulatedPixelData) return encapsulatedFrame(data, pixels, frame - 1, numFrames);
      const size = Math.ceil((number('00280010') * number('00280011') * number('00280002') * number('00280100')) / 8);
      const from = pixels.dataOffset + (frame - 1) * size;
      if (!(size > 0) || from + size > pixels.dataOffset + pixels.length) {
        throw new StoreError('badFrame', `frame ${frame} is cut off: expected ${size} bytes per frame, the pixel data have ${pixels.length} for ${numFrames}`);
      }
      return file.subarray(from, from + size);
    });
  }

  /**
   * The value of one top-level binary attribute.
   * @throws StoreError notFound
   */
  async readBulkData(instance, tag) {
    const file = await this.read(instance);
    const element = dicomParser.parseDicom(file).elements[`x${tag.toLowerCase()}`];
    if (!element || element.items) throw new StoreError('notFound', `instance ${instance.sopUID} has no bulk data in ${tag}`);
    return file.subarray(element.dataOffset, element.dataOffset + element.length);
  }
}

function encapsulatedFrame(data, pixels, index, numFrames) {
  const { fragments, basicOffsetTable } = pixels;
  const join = list => Buffer.concat(list.map(({ position, length }) => data.byteArray.subarray(position, position + length)));
  try {
    if (basicOffsetTable.length) return Buffer.from(dicomParser.readEncapsulatedImageFrame(data, pixels, index));
    if (numFrames === 1) return join(fragments);
    if (fragments.length === numFrames) return join([fragments[index]]);
    return Buffer.from(dicomParser.readEncapsulatedImageFrame(data, pixels, index, dicomParser.createJPEGBasicOffsetTable(data, pixels)));
  } catch (error) {
    throw new StoreError('badFrame', `frame ${index + 1} cannot be found in the encapsulated pixel data: ${error?.message ?? error}`);
  }
}
