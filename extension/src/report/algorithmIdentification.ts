/** TID 4019, Algorithm Identification (PS3.16): which model, with which settings, made the proposals of a cell. */
import type { AiRun } from '../casework/types.ts';
import { DCM } from './codes.ts';
import { text } from './contentItems.ts';
import type { ContentItem } from './contentItems.ts';

const MODIFIER = { relationship: 'HAS CONCEPT MOD' } as const;

/**
 * Name, version and parameters (suppression method, score threshold, SHA-256 of the model files, execution provider) as
 * concept modifiers of a measurement group. Written once per cell: its chromosomes come from the same run.
 */
export function algorithmIdentification(run: AiRun): ContentItem[] {
  const parameters = [
    `suppression=${run.method}`,
    `scoreThreshold=${run.scoreThreshold}`,
    `modelSha256=${run.modelSha256}`,
    `executionProvider=${run.provider}`,
  ];
  return [
    text(DCM.algorithmName, run.modelId, MODIFIER),
    text(DCM.algorithmVersion, run.modelVersion, MODIFIER),
    ...parameters.map((parameter) => text(DCM.algorithmParameters, parameter, MODIFIER)),
  ];
}
