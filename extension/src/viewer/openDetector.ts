/** The detector of the plugin's folder; one that was begun before the viewer was there is taken over. */
import { DetectorClient } from '../inference/DetectorClient.ts';
import { storedSettings, type ProviderChoice } from './countSettings.ts';

interface BegunDetector {
  readonly assetsUrl: string;
  readonly provider: ProviderChoice;
  readonly client: DetectorClient;
}

let begun: BegunDetector | null = null;

const createDetector = (assetsUrl: string, provider: ProviderChoice): DetectorClient =>
  new DetectorClient({
    workerUrl: `${assetsUrl}detector.worker.mjs`,
    modelUrl: `${assetsUrl}models/deepacev2-r24h/`,
    ortUrl: `${assetsUrl}ort/`,
    provider,
  });

/**
 * Runtime and model load while the viewer still starts.
 * @param assetsUrl folder of worker, runtime and models; ends with a slash
 */
export function beginDetector(assetsUrl: string): void {
  if (begun) return;
  const { provider } = storedSettings();
  const client = createDetector(assetsUrl, provider);
  begun = { assetsUrl, provider, client };
  // Whoever takes it over asks again and hears of the failure.
  client.ready().catch(() => {});
}

/** A detector that has yet to load, or the one that was begun where it is of the same folder and provider. */
export function openDetector(assetsUrl: string, provider: ProviderChoice): DetectorClient {
  const early = begun;
  begun = null;
  if (early?.assetsUrl === assetsUrl && early.provider === provider) return early.client;
  early?.client.dispose();
  return createDetector(assetsUrl, provider);
}
