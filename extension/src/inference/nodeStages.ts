/** The same stages in node, for the command line and the tests: native ONNX Runtime, else the browser's build of it. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { readManifest } from '../detection/manifest.ts';
import type { Manifest } from '../detection/manifest.ts';
import { InferenceError, messageOf } from './errors.ts';
import { GRAPHS, createOnnxStages } from './onnxStages.ts';
import type { GraphName, OnnxStages, OrtRuntime } from './onnxStages.ts';
import { sha256Hex } from './sha256.ts';

export interface NodeStagesOptions {
  /** cpu: onnxruntime-node; wasm: onnxruntime-web; auto (default): cpu where it is installed, else wasm */
  provider?: 'auto' | 'cpu' | 'wasm';
  /** default 1 */
  numThreads?: number;
}

export interface NodeStages {
  readonly manifest: Manifest;
  readonly stages: OnnxStages;
  readonly provider: 'cpu' | 'wasm';
  readonly numThreads: number;
  /** of manifest.json, which holds the hashes of all other files */
  readonly modelSha256: string;
}

/**
 * @param modelDir folder with manifest.json
 * @throws InferenceError model… naming the file; DetectionError invalidManifest naming the fields
 */
export async function createNodeStages(modelDir: string, { provider = 'auto', numThreads = 1 }: NodeStagesOptions = {}): Promise<NodeStages> {
  const manifestPath = path.join(modelDir, 'manifest.json');
  const manifestBytes = await readModelFile(manifestPath);
  const manifest = readManifest(parseJson(manifestPath, manifestBytes));
  const files = await Promise.all(
    GRAPHS.map(async (name) => {
      const file = manifest.files[name];
      const filePath = path.join(modelDir, file.path);
      const bytes = await readModelFile(filePath);
      const sha256 = await sha256Hex(bytes);
      if (sha256 !== file.sha256) {
        throw new InferenceError('modelTampered', `${filePath}: expected SHA-256 ${file.sha256} as in manifest.json, got ${sha256}`);
      }
      return [name, bytes] as const;
    }),
  );
  const graphs = Object.fromEntries(files) as Record<GraphName, Uint8Array>;
  const runtime = await loadNodeOrt(provider, numThreads);
  const stages = await createOnnxStages(runtime.ort, graphs, {
    executionProviders: [runtime.provider],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: numThreads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  return { manifest, stages, provider: runtime.provider, numThreads, modelSha256: await sha256Hex(manifestBytes) };
}

async function loadNodeOrt(
  wanted: 'auto' | 'cpu' | 'wasm',
  numThreads: number,
): Promise<{ ort: OrtRuntime; provider: 'cpu' | 'wasm' }> {
  let nativeError: unknown;
  if (wanted !== 'wasm') {
    try {
      const native = (await import('onnxruntime-node')) as unknown as { default?: OrtRuntime } & OrtRuntime;
      return { ort: native.default ?? native, provider: 'cpu' };
    } catch (error) {
      nativeError = error;
    }
    if (wanted === 'cpu') {
      throw new InferenceError('runtimeUnavailable', `onnxruntime-node could not be loaded (${messageOf(nativeError)})`, { cause: nativeError });
    }
  }
  const web = await import('onnxruntime-web');
  web.env.wasm.numThreads = numThreads;
  web.env.logLevel = 'error';
  return { ort: web, provider: 'wasm' };
}

async function readModelFile(filePath: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(filePath));
  } catch (error) {
    throw new InferenceError('modelMissing', `${filePath}: could not be read (${messageOf(error)})`, { cause: error });
  }
}

function parseJson(filePath: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new InferenceError('modelInvalid', `${filePath}: expected JSON (${messageOf(error)})`, { cause: error });
  }
}
