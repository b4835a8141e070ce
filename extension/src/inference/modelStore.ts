/**
 * A model folder by URL → its verified files. manifest.json is asked for anew each time; the files it names are taken
 * from this browser's cache by their SHA-256, else fetched, and verified either way. Nothing but model files is stored.
 */
import { readManifest } from '../detection/manifest.ts';
import type { Manifest, ManifestFile, ModelFileName } from '../detection/manifest.ts';
import { InferenceError, messageOf } from './errors.ts';
import type { LoadProgress } from './protocol.ts';
import { sha256Hex } from './sha256.ts';

export interface LoadedModel {
  readonly manifest: Manifest;
  /** of manifest.json */
  readonly modelSha256: string;
  readonly files: Readonly<Record<ModelFileName, Uint8Array>>;
  /** settled when the browser has stored it; false where its storage is blocked, full or switched off: fetched again next time */
  readonly isCached: Promise<boolean>;
}

export interface ModelStoreOptions {
  /** default true */
  cacheModels?: boolean;
  /** no byte for so long: the server hangs; default 30 s */
  stallTimeoutMs?: number;
  onProgress?: (progress: LoadProgress) => void;
}

const CACHE_NAME = 'chromosome-count-models';

/**
 * @param modelUrl folder, absolute, ending in a slash
 * @throws InferenceError model… naming the file; DetectionError invalidManifest naming the fields
 */
export async function loadModel(
  modelUrl: string,
  { cacheModels = true, stallTimeoutMs = 30_000, onProgress }: ModelStoreOptions = {},
): Promise<LoadedModel> {
  const manifestUrl = new URL('manifest.json', modelUrl).href;
  const manifestBytes = await fetchBytes(manifestUrl, stallTimeoutMs, () => undefined);
  const manifest = readManifest(parseJson(manifestUrl, manifestBytes));
  const cache = cacheModels ? await openCache() : null;

  const entries = Object.entries(manifest.files) as [ModelFileName, ManifestFile][];
  const totalBytes = entries.reduce((sum, [, file]) => sum + file.bytes, 0);
  const loaded = new Map<ModelFileName, number>();
  let cachedBytes = 0;
  const writes: Promise<boolean>[] = [];
  const report = (name: ModelFileName, bytes: number): void => {
    loaded.set(name, bytes);
    const loadedBytes = [...loaded.values()].reduce((sum, value) => sum + value, 0);
    onProgress?.({ loadedBytes: Math.min(loadedBytes, totalBytes), totalBytes, cachedBytes });
  };

  const load = async ([name, file]: [ModelFileName, ManifestFile]): Promise<[ModelFileName, Uint8Array]> => {
    const key = new URL(`sha256/${file.sha256}`, modelUrl).href;
    const cached = cache && (await readCached(cache, key, file));
    if (cached) {
      cachedBytes += file.bytes;
      report(name, file.bytes);
      return [name, cached];
    }
    const url = new URL(file.path, modelUrl).href;
    const bytes = await fetchBytes(url, stallTimeoutMs, (count) => report(name, count));
    await verify(url, bytes, file);
    // Not waited for: the bytes are wanted now, and storing them takes as long as fetching them.
    if (cache) writes.push(writeCached(cache, key, bytes));
    return [name, bytes];
  };
  const files = Object.fromEntries(await Promise.all(entries.map(load))) as Record<ModelFileName, Uint8Array>;
  const keepAll = async (): Promise<boolean> => {
    if (!cache) return false;
    const areKept = await Promise.all(writes);
    await dropOtherVersions(cache, modelUrl, entries);
    return areKept.every(Boolean);
  };
  return { manifest, modelSha256: await sha256Hex(manifestBytes), files, isCached: keepAll() };
}

async function fetchBytes(url: string, stallTimeoutMs: number, onBytes: (count: number) => void): Promise<Uint8Array> {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const alive = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => controller.abort(), stallTimeoutMs);
  };
  alive();
  try {
    const response = await fetch(url, { signal: controller.signal, cache: 'no-cache', credentials: 'same-origin' });
    if (!response.ok) throw httpError(url, response.status);
    if (!response.body) return new Uint8Array(await response.arrayBuffer());
    const chunks: Uint8Array[] = [];
    let count = 0;
    const reader = response.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      alive();
      chunks.push(part.value);
      count += part.value.length;
      onBytes(count);
    }
    const bytes = new Uint8Array(count);
    let offset = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, offset);
      offset += chunk.length;
    }
    return bytes;
  } catch (error) {
    if (error instanceof InferenceError) throw error;
    if (controller.signal.aborted) {
      throw new InferenceError('modelTimeout', `${url}: no byte came for ${stallTimeoutMs / 1000} s`, { cause: error });
    }
    throw new InferenceError('modelUnreachable', `${url}: could not be fetched (${messageOf(error)})`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function httpError(url: string, status: number): InferenceError {
  if (status === 401 || status === 403) {
    return new InferenceError('modelUnauthorized', `${url}: the server refuses the model (${status}); are you signed in?`);
  }
  if (status === 404 || status === 410) {
    return new InferenceError('modelMissing', `${url}: no such file on the server (${status}); is the model installed?`);
  }
  return new InferenceError('modelServerError', `${url}: the server answered ${status}`);
}

function parseJson(url: string, bytes: Uint8Array): unknown {
  const text = new TextDecoder().decode(bytes);
  try {
    return JSON.parse(text);
  } catch (error) {
    // Viewers answer an unknown path with their start page and status 200.
    const start = text.trimStart().slice(0, 40);
    throw new InferenceError('modelInvalid', `${url}: expected JSON, got "${start}"`, { cause: error });
  }
}

async function verify(name: string, bytes: Uint8Array, { sha256, bytes: size }: ManifestFile): Promise<void> {
  if (bytes.length !== size) {
    throw new InferenceError('modelTampered', `${name}: expected ${size} bytes as in manifest.json, got ${bytes.length}`);
  }
  const actual = await sha256Hex(bytes);
  if (actual !== sha256) {
    throw new InferenceError('modelTampered', `${name}: expected SHA-256 ${sha256} as in manifest.json, got ${actual}`);
  }
}

/** null where the page may not store (private windows, blocked cookies, no secure context). */
async function openCache(): Promise<Cache | null> {
  if (typeof caches === 'undefined') return null;
  return caches.open(CACHE_NAME).catch(() => null);
}

async function readCached(cache: Cache, key: string, file: ManifestFile): Promise<Uint8Array | null> {
  try {
    const response = await cache.match(key);
    if (!response) return null;
    const bytes = new Uint8Array(await response.arrayBuffer());
    await verify(key, bytes, file);
    return bytes;
  } catch {
    // A damaged or unreadable entry is no reason to fail while the server has the file.
    await cache.delete(key).catch(() => false);
    return null;
  }
}

/** false where the storage is full. */
async function writeCached(cache: Cache, key: string, bytes: Uint8Array): Promise<boolean> {
  return cache.put(key, new Response(bytes)).then(
    () => true,
    () => false,
  );
}

async function dropOtherVersions(cache: Cache, modelUrl: string, entries: [ModelFileName, ManifestFile][]): Promise<void> {
  const prefix = new URL('sha256/', modelUrl).href;
  const current = new Set(entries.map(([, { sha256 }]) => prefix + sha256));
  try {
    const keys = (await cache.keys()).map(({ url }) => url);
    await Promise.all(keys.filter((url) => url.startsWith(prefix) && !current.has(url)).map((url) => cache.delete(url)));
  } catch {
    // Old versions left behind cost space, not correctness; the browser evicts them when it needs it.
  }
}
