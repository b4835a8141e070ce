/**
 * DICOMweb (PS3.18) over a DicomStore: QIDO-RS, WADO-RS and STOW-RS as OHIF and most clients use them. Pixels leave it
 * as they were stored: there are no rendered resources and no thumbnails (the viewer draws its own from the frames), and
 * nothing is deleted.
 */
import dcmjs from 'dcmjs';
import { StoreError, readInstance } from './dicomStore.mjs';
import { joinMultipart, parseMediaType, splitMultipart } from './multipart.mjs';

const { nameMap } = dcmjs.data.DicomMetaDictionary;

/** Largest STOW request, in bytes: the whole body is held in memory. */
const maxStowBytes = 1024 * 1024 * 1024;

const levels = {
  studies: {
    key: '0020000D',
    attributes: ['00080020', '00080030', '00080050', '00080090', '00081030', '00100010', '00100020', '00100030', '00100040', '0020000D', '00200010'],
  },
  series: {
    key: '0020000E',
    attributes: ['00080060', '0008103E', '00200011', '0020000D', '0020000E', '00080021', '00080031', '00400244', '00400245'],
  },
  instances: {
    key: '00080018',
    attributes: ['00080016', '00080018', '00080005', '0020000D', '0020000E', '00200013', '00280010', '00280011', '00280100', '00280008', '00083002'],
  },
};

const frameTypes = {
  '1.2.840.10008.1.2.4.50': 'image/jpeg',
  '1.2.840.10008.1.2.4.51': 'image/jpeg',
  '1.2.840.10008.1.2.4.57': 'image/jpeg',
  '1.2.840.10008.1.2.4.70': 'image/jpeg',
  '1.2.840.10008.1.2.4.80': 'image/jls',
  '1.2.840.10008.1.2.4.81': 'image/jls',
  '1.2.840.10008.1.2.4.90': 'image/jp2',
  '1.2.840.10008.1.2.4.91': 'image/jp2',
  '1.2.840.10008.1.2.4.201': 'image/jphc',
  '1.2.840.10008.1.2.4.202': 'image/jphc',
  '1.2.840.10008.1.2.4.203': 'image/jphc',
  '1.2.840.10008.1.2.5': 'image/dicom-rle',
};

class HttpError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const first = (attributes, tag) => attributes[tag]?.Value?.[0];

/** `0020000D`, `(0020,000D)` or a keyword to a tag. Nested paths (a.b) match on their first step. */
function tagOf(name) {
  if (/^[0-9a-f]{8}$/i.test(name)) return name.toUpperCase();
  const tag = nameMap[name]?.tag;
  return tag ? tag.replace(/[(),]/g, '').toUpperCase() : null;
}

/** Attribute matching of PS3.4 C.2.2.2: single value, list of UIDs, wild card, range. */
function matches(element, wanted) {
  if (wanted === '' || wanted === '*') return true;
  const values = (element?.Value ?? []).flatMap(value => (value && typeof value === 'object' ? Object.values(value) : [value])).map(String);
  const range = ['DA', 'TM', 'DT'].includes(element?.vr) && wanted.match(/^([\d.:+]*)-([\d.:+]*)$/);
  if (range) return values.some(value => (!range[1] || value.slice(0, range[1].length) >= range[1]) && (!range[2] || value.slice(0, range[2].length) <= range[2]));
  return wanted.split(/\\|,(?=[\d.]+(?:,|$))/).some(one => {
    if (!/[*?]/.test(one)) return values.some(value => value === one || (element?.vr === 'PN' && value.toLowerCase() === one.toLowerCase()));
    const pattern = new RegExp(`^${one.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*').replace(/\?/g, '.')}$`, element?.vr === 'PN' ? 'i' : '');
    return values.some(value => pattern.test(value));
  });
}

const unique = values => [...new Set(values.filter(value => value !== undefined))];

/** What QIDO reports of a study or series beyond its attributes. */
function derivedAttributes(level, members, base) {
  const { studyUID, seriesUID, sopUID } = members[0];
  const url = { studies: `${base}/studies/${studyUID}`, series: `${base}/studies/${studyUID}/series/${seriesUID}`, instances: `${base}/studies/${studyUID}/series/${seriesUID}/instances/${sopUID}` }[level];
  const common = { '00081190': { vr: 'UR', Value: [url] }, '00080056': { vr: 'CS', Value: ['ONLINE'] } };
  if (level === 'studies') {
    return {
      ...common,
      '00080061': { vr: 'CS', Value: unique(members.map(({ attributes }) => first(attributes, '00080060'))) },
      '00080062': { vr: 'UI', Value: unique(members.map(({ sopClassUID }) => sopClassUID)) },
      '00201206': { vr: 'IS', Value: [unique(members.map(member => member.seriesUID)).length] },
      '00201208': { vr: 'IS', Value: [members.length] },
    };
  }
  return level === 'series' ? { ...common, '00201209': { vr: 'IS', Value: [members.length] } } : common;
}

/** QIDO-RS. @returns {object[]} DICOM JSON, one per match */
export function query(store, { level, scope = {}, parameters, base }) {
  const wanted = [];
  const included = new Set();
  let [all, offset, limit] = [false, 0, Infinity];
  const count = (name, value) => {
    const number = Number(value);
    if (!Number.isInteger(number) || number < 0) throw new HttpError(400, `${name} must be a number of matches, got ${JSON.stringify(value)}`);
    return number;
  };
  for (const [name, value] of parameters) {
    if (name === 'limit') limit = count(name, value);
    else if (name === 'offset') offset = count(name, value);
    else if (name === 'fuzzymatching' || name === 'emptyvaluematching' || name === 'multiplevaluematching') continue;
    else if (name === 'includefield') {
      for (const field of value.split(',')) {
        if (field === 'all') all = true;
        else if (tagOf(field)) included.add(tagOf(field));
      }
    } else {
      const tag = tagOf(name.split('.')[0]);
      if (!tag) throw new HttpError(400, `unknown attribute ${JSON.stringify(name)} in the query`);
      wanted.push([tag, value]);
    }
  }
  const groups = new Map();
  for (const instance of store.select(scope)) {
    const key = first(instance.attributes, levels[level].key);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(instance);
  }
  const found = [];
  for (const members of groups.values()) {
    const derived = derivedAttributes(level, members, base);
    // A study matches by its own attributes, and by any of its series' modalities and the like.
    const hit = wanted.every(([tag, value]) => (derived[tag] ? matches(derived[tag], value) : members.some(({ attributes }) => matches(attributes[tag], value))));
    if (!hit) continue;
    const tags = unique([...levels[level].attributes, ...(Object.keys(scope).length < 1 && level !== 'studies' ? levels.studies.attributes : []), ...included]);
    const source = members[0].attributes;
    const chosen = all ? Object.keys(source).filter(tag => !source[tag].BulkDataURI) : tags.filter(tag => source[tag]);
    found.push(Object.fromEntries([...chosen.map(tag => [tag, source[tag]]), ...Object.entries(derived)].sort(([a], [b]) => (a < b ? -1 : 1))));
  }
  return found.slice(offset, offset + limit);
}

/** Metadata with absolute bulk data addresses. */
function metadata(instance, base) {
  const url = `${base}/studies/${instance.studyUID}/series/${instance.seriesUID}/instances/${instance.sopUID}`;
  const resolve = attributes => Object.fromEntries(Object.entries(attributes).map(([tag, element]) => [tag, element.BulkDataURI ? { ...element, BulkDataURI: `${url}/${element.BulkDataURI}` } : element]));
  return resolve(instance.attributes);
}

/** PS3.18 table I.2-2 and PS3.4 B.2.3. */
const failureReasons = { notDicom: 0xc000, invalidIdentifier: 0xc000, wrongStudy: 0xa900, duplicate: 0x0111, unsupportedSyntax: 0x0122, diskFull: 0xa700 };

/**
 * STOW-RS.
 * @returns {Promise<{ status: number, body: object }>} 200 all stored, 202 some, 409 none
 */
export async function storeInstances(store, files, { studyUID, base }) {
  const stored = [];
  const failed = [];
  const others = [];
  for (const file of files) {
    try {
      stored.push(await store.add(file, { studyUID }));
    } catch (error) {
      if (!(error instanceof StoreError)) console.error('dicomweb: store failed:', error);
      const reason = { vr: 'US', Value: [failureReasons[error.code] ?? 0x0110] };
      const comment = { vr: 'LO', Value: [String(error.message).slice(0, 64)] };
      let known = null;
      try {
        known = readInstance(file);
      } catch {
        // Not even its identifiers can be read: it is reported under "other failures".
      }
      if (known) failed.push({ '00081150': { vr: 'UI', Value: [known.sopClassUID] }, '00081155': { vr: 'UI', Value: [known.sopUID] }, '00081197': reason, '00000902': comment });
      else others.push({ '00081197': reason, '00000902': comment });
    }
  }
  const body = {};
  const url = studyUID ?? stored[0]?.studyUID;
  if (url && stored.length) body['00081190'] = { vr: 'UR', Value: [`${base}/studies/${url}`] };
  if (stored.length) {
    body['00081199'] = {
      vr: 'SQ',
      Value: stored.map(instance => ({
        '00081150': { vr: 'UI', Value: [instance.sopClassUID] },
        '00081155': { vr: 'UI', Value: [instance.sopUID] },
        '00081190': { vr: 'UR', Value: [`${base}/studies/${instance.studyUID}/series/${instance.seriesUID}/instances/${instance.sopUID}`] },
      })),
    };
  }
  if (failed.length) body['00081198'] = { vr: 'SQ', Value: failed };
  if (others.length) body['0008119A'] = { vr: 'SQ', Value: others };
  const numFailed = failed.length + others.length;
  return { status: numFailed === 0 ? 200 : stored.length ? 202 : 409, body };
}

async function readBody(request) {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > maxStowBytes) throw new HttpError(413, `request of ${announced} bytes is too large: at most ${maxStowBytes}`);
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > maxStowBytes) throw new HttpError(413, `request is too large: at most ${maxStowBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function receivedFiles(request) {
  const { type, parameters } = parseMediaType(request.headers['content-type'] ?? '');
  if (type === 'application/dicom') return [await readBody(request)];
  if (type !== 'multipart/related' || !parameters.boundary) {
    throw new HttpError(415, `store takes multipart/related with a boundary, or application/dicom; got ${JSON.stringify(request.headers['content-type'] ?? '')}`);
  }
  const parts = splitMultipart(await readBody(request), parameters.boundary);
  const wrong = parts.find(({ headers }) => headers['content-type'] && parseMediaType(headers['content-type']).type !== 'application/dicom');
  if (wrong) throw new HttpError(415, `store takes application/dicom parts, got ${wrong.headers['content-type']}`);
  return parts.map(({ content }) => content);
}

const routes = [
  { method: 'GET', path: /^\/studies$/, run: async ({ store, url, base }) => {
    await store.refresh();
    return json(query(store, { level: 'studies', parameters: url.searchParams, base }));
  } },
  { method: 'GET', path: /^(?:\/studies\/(?<studyUID>[\d.]+))?\/series$/, run: ({ store, url, base, scope }) => json(query(store, { level: 'series', scope, parameters: url.searchParams, base })) },
  { method: 'GET', path: /^(?:\/studies\/(?<studyUID>[\d.]+)(?:\/series\/(?<seriesUID>[\d.]+))?)?\/instances$/, run: ({ store, url, base, scope }) => json(query(store, { level: 'instances', scope, parameters: url.searchParams, base })) },
  {
    method: 'GET',
    path: /^\/studies\/(?<studyUID>[\d.]+)(?:\/series\/(?<seriesUID>[\d.]+)(?:\/instances\/(?<sopUID>[\d.]+))?)?\/metadata$/,
    run: ({ selected, base }) => json(selected().map(instance => metadata(instance, base))),
  },
  {
    method: 'GET',
    path: /^\/studies\/(?<studyUID>[\d.]+)\/series\/(?<seriesUID>[\d.]+)\/instances\/(?<sopUID>[\d.]+)\/frames(?:\/(?<frames>\d+(?:,\d+)*))?$/,
    run: async ({ store, selected, groups }) => {
      const [instance] = selected();
      const frames = groups.frames ? groups.frames.split(',').map(Number) : Array.from({ length: Number(first(instance.attributes, '00280008') ?? 1) }, (_, i) => i + 1);
      const type = frameTypes[instance.transferSyntaxUID] ?? 'application/octet-stream';
      const contents = await store.readFrames(instance, frames);
      return multipart(contents.map(content => ({ type: `${type}; transfer-syntax=${instance.transferSyntaxUID}`, content })), type);
    },
  },
  {
    method: 'GET',
    path: /^\/studies\/(?<studyUID>[\d.]+)\/series\/(?<seriesUID>[\d.]+)\/instances\/(?<sopUID>[\d.]+)\/bulkdata\/(?<tag>[0-9A-Fa-f]{8})$/,
    run: async ({ store, selected, groups }) => multipart([{ type: 'application/octet-stream', content: await store.readBulkData(selected()[0], groups.tag) }], 'application/octet-stream'),
  },
  {
    method: 'GET',
    path: /^\/studies\/(?<studyUID>[\d.]+)(?:\/series\/(?<seriesUID>[\d.]+)(?:\/instances\/(?<sopUID>[\d.]+))?)?$/,
    run: async ({ store, selected }) => {
      const parts = [];
      for (const instance of selected()) parts.push({ type: `application/dicom; transfer-syntax=${instance.transferSyntaxUID}`, content: await store.read(instance) });
      return multipart(parts, 'application/dicom');
    },
  },
  {
    method: 'GET',
    path: /^\/studies\/.*\/(?:rendered|thumbnail)$/,
    run: () => {
      throw new HttpError(501, 'this store renders no pictures: fetch …/frames/<number> and draw them, as the viewer does');
    },
  },
  {
    method: 'POST',
    path: /^\/studies(?:\/(?<studyUID>[\d.]+))?$/,
    run: async ({ store, request, base, groups }) => {
      const files = await receivedFiles(request);
      if (!files.length) throw new HttpError(400, 'the request holds no instance');
      const { status, body } = await storeInstances(store, files, { studyUID: groups.studyUID, base });
      return { ...json(body), status };
    },
  },
];

const json = value => ({ status: 200, type: 'application/dicom+json', body: Buffer.from(JSON.stringify(value)) });
const multipart = (parts, rootType) => {
  const { contentType, body } = joinMultipart(parts, rootType);
  return { status: 200, type: contentType, body };
};

/**
 * @param {import('./dicomStore.mjs').DicomStore} store
 * @param {{ prefix: string }} options path of the service, such as /dicomweb
 * @returns {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => Promise<void>}
 */
export function dicomwebHandler(store, { prefix }) {
  return async (request, response) => {
    const url = new URL(request.url, `http://${request.headers.host}`);
    const base = `${url.origin}${prefix}`;
    const path = decodeURIComponent(url.pathname).slice(prefix.length).replace(/\/$/, '');
    let answer;
    try {
      const method = request.method === 'HEAD' ? 'GET' : request.method;
      const here = routes.filter(route => route.path.test(path));
      const route = here.find(one => one.method === method);
      if (!route) throw here.length ? new HttpError(405, `${request.method} is not allowed on ${path}`) : new HttpError(404, `no such resource: ${path}`);
      const groups = route.path.exec(path).groups ?? {};
      const { studyUID, seriesUID, sopUID } = groups;
      const scope = Object.fromEntries(Object.entries({ studyUID, seriesUID, sopUID }).filter(([, uid]) => uid));
      const selected = () => {
        const instances = store.select(scope);
        if (!instances.length) throw new HttpError(404, `not stored here: ${path}`);
        return instances;
      };
      answer = await route.run({ store, request, url, base, groups, scope, selected });
    } catch (error) {
      answer = failure(error);
    }
    if (response.destroyed) return;
    response.writeHead(answer.status, { 'Content-Type': answer.type, 'Content-Length': answer.body.length, 'Cache-Control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : answer.body);
  };
}

function failure(error) {
  let status = 500;
  if (error instanceof HttpError) status = error.status;
  else if (error instanceof SyntaxError) status = 400;
  else if (error instanceof StoreError) status = { notFound: 404, badFrame: 404, diskFull: 507 }[error.code] ?? 400;
  else if (error?.code === 'ENOENT') status = 410;
  if (status === 500) console.error('dicomweb:', error);
  return { status, type: 'application/json', body: Buffer.from(JSON.stringify({ error: status === 410 ? 'the file of this instance is gone from the disk' : String(error?.message ?? error) })) };
}
