import { parentPort, workerData } from 'node:worker_threads';
import { createNodeStages } from '../../inference/nodeStages.ts';
import { messageOf } from '../errors.ts';
import { countInput } from './countInput.ts';
import type { CountRequest, DetectorAnswer, DetectorSettings, StopRequest } from './protocol.ts';

/**
 * The life of one detection thread: load the model, then one input after the other. Native sessions run synchronously,
 * so a thread uses one core; parallelism is the number of threads.
 */
export async function serveDetections(): Promise<void> {
  const port = parentPort!;
  const settings = workerData as DetectorSettings;
  const answer = (message: DetectorAnswer) => port.postMessage(message);
  try {
    const { manifest, stages, provider, modelSha256 } = await createNodeStages(settings.model, { provider: settings.provider, numThreads: 1 });
    const method = settings.method ?? manifest.suppression.default;
    const stop = new AbortController();
    let current: Promise<void> = Promise.resolve();
    port.on('message', (request: CountRequest | StopRequest) => {
      if (request.type === 'stop') {
        stop.abort(new Error('stopped'));
        // Ends this thread alone.
        void current.finally(() => process.exit());
        return;
      }
      current = countInput(request, { manifest, stages }, settings, stop.signal).then(
        (result) => answer({ type: 'counted', id: request.id, result }),
        (error: unknown) => answer({ type: 'fatal', message: messageOf(error) }),
      );
    });
    answer({
      type: 'ready',
      description: {
        modelId: manifest.id,
        modelVersion: manifest.version,
        modelSha256,
        provider,
        method,
        scoreThreshold: settings.scoreThreshold ?? manifest.thresholds[method],
        operatingThreshold: manifest.thresholds[method],
      },
    });
  } catch (error) {
    answer({ type: 'fatal', message: `model ${settings.model}: ${messageOf(error)}` });
  }
}
