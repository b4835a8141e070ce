/**
 * The detector of the open study and what it found: the candidates of every run are kept, so that another threshold or
 * suppression method needs no second inference.
 */
import type { Action, Box } from '../casework/types.ts';
import { selectDetections } from '../detection/selectDetections.ts';
import type { SuppressionMethod } from '../detection/types.ts';
import type { DetectorClient, DetectorRun, DetectorStatus } from '../inference/DetectorClient.ts';
import { newUID } from '../report/valueRepresentation.ts';
import type { ProviderChoice } from './countSettings.ts';
import type { DetectorState } from './countState.ts';
import { openDetector } from './openDetector.ts';
import type { ServiceContext } from './serviceContext.ts';

type RecordAiRun = Extract<Action, { type: 'recordAiRun' }>;

/** What is known of a run beside its boxes: of a fresh one, or of the one that the case holds. */
export interface RunFacts {
  readonly provider: string;
  readonly elapsedMs?: number;
  readonly sharpness?: number;
}

/** Near misses are shown down to this part of the threshold. */
const NEAR_MISS_PART = 0.5;

export class CellDetector {
  readonly #context: ServiceContext;
  #client: DetectorClient | null = null;
  readonly #detections = new Map<string, DetectorRun>();
  /** Method and threshold were set to those of the model in this visit. */
  #hasOperatingPoint = false;

  constructor(context: ServiceContext) {
    this.#context = context;
  }

  get client(): DetectorClient | null {
    return this.#client;
  }

  start(provider: ProviderChoice): void {
    this.#client?.dispose();
    const { assetsUrl, store } = this.#context;
    const client = openDetector(assetsUrl, provider);
    this.#client = client;
    store.set({ detector: detectorState(client.status) });
    client.onStatus(status => {
      if (this.#client !== client) return;
      // A hang, a crash, a lost device: the counts go on, but the reader is to know where they come from now.
      if (status.state === 'recovering' && store.state.detector.message !== status.message) {
        this.#context.notify('warning', 'The detector is started again', status.message);
      }
      store.set({ detector: detectorState(status) });
    });
    client.ready().then(
      () => {
        if (this.#client !== client) return;
        // Started again, it goes on where the reader has set it.
        if (this.#hasOperatingPoint) return;
        this.#hasOperatingPoint = true;
        const method = client.manifest!.suppression.default;
        store.set({ method, scoreThreshold: client.manifest!.thresholds[method] });
      },
      // The status tells the reader; a run that waits for the detector fails by itself.
      () => {},
    );
  }

  stop(): void {
    this.#client?.dispose();
    this.#client = null;
    this.#hasOperatingPoint = false;
    this.#detections.clear();
  }

  // ---- what it found ----

  keep(cellId: string, detection: DetectorRun): void {
    this.#detections.set(cellId, detection);
  }

  forgetDetections(): void {
    this.#detections.clear();
  }

  detectionOf(cellId: string): DetectorRun | undefined {
    return this.#detections.get(cellId);
  }

  cellsWithDetection(): readonly string[] {
    return [...this.#detections.keys()];
  }

  /** The operating point that the model was shipped with; null before it is loaded. */
  shippedThreshold(method: SuppressionMethod): number | null {
    return this.#client?.manifest?.thresholds[method] ?? null;
  }

  /** The count at a threshold that has not been set yet; null without candidates. */
  countAt(cellId: string, scoreThreshold: number): number | null {
    const detection = this.#detections.get(cellId);
    const manifest = this.#client?.manifest;
    if (!detection || !manifest) return null;
    return selectDetections(detection.candidates, manifest, { method: this.#context.store.state.method, scoreThreshold }).length;
  }

  /** The run of a cell at the threshold and method that are set now, as the case records it; null without candidates. */
  runOf(cellId: string, { provider, elapsedMs, sharpness }: RunFacts): Pick<RecordAiRun, 'run' | 'detections'> | null {
    const { method, scoreThreshold, detector } = this.#context.store.state;
    const manifest = this.#client?.manifest;
    const detection = this.#detections.get(cellId);
    if (!manifest || !detection) return null;
    const detections = selectDetections(detection.candidates, manifest, { method, scoreThreshold });
    const near = selectDetections(detection.candidates, manifest, { method, scoreThreshold: scoreThreshold * NEAR_MISS_PART }).slice(detections.length);
    const { types } = detection.candidates;
    return {
      run: {
        modelId: detector.info?.modelId ?? manifest.id,
        modelVersion: detector.info?.modelVersion ?? manifest.version,
        modelSha256: detector.info?.modelSha256 ?? '',
        method,
        scoreThreshold,
        provider,
        nearMisses: near.map(({ box, score }) => ({ box: [...box] as unknown as Box, score })),
        flags: detection.flags,
        sharpness,
        elapsedMs,
      },
      detections: detections.map(({ box, score, candidate, type }) => ({
        id: newUID(),
        box: [...box] as unknown as Box,
        score: Math.min(1, score),
        ...(type ? { type } : {}),
        ...(types ? { types: typeProbabilities(types, candidate, manifest.types) } : {}),
      })),
    };
  }
}

/** Type probabilities of a candidate, below 1 % left out. */
function typeProbabilities(types: Float32Array, candidate: number, names: readonly string[]): Record<string, number> {
  const row = types.subarray(candidate * names.length, (candidate + 1) * names.length);
  return Object.fromEntries(names.map((name, i) => [name, Math.round(row[i] * 1000) / 1000] as const).filter(([, p]) => p >= 0.01));
}

function detectorState({ state, message, progress, info }: DetectorStatus): DetectorState {
  const phase = state === 'ready' || state === 'running' ? 'ready' : state === 'failed' ? 'failed' : 'loading';
  return {
    phase,
    message,
    ...(phase === 'loading' && progress?.totalBytes ? { loaded: progress.loadedBytes / progress.totalBytes } : {}),
    ...(info ? { info } : {}),
  };
}
