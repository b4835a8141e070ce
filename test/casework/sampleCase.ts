import { applyAction, createCase, type Action, type AiDetection, type Box, type CaseState, type ImageRef, type NewCell, type Person } from '../../extension/src/casework/index.ts';

export const reader: Person = { name: 'Rosalind Reader', role: 'reader' };
export const checker: Person = { name: 'Charles Checker', role: 'checker' };
export const model: Person = { name: 'deepacev2-r24h', role: 'model' };
export const at = '2026-01-02T03:04:05.000Z';
export const studyInstanceUID = '2.25.1';

/** Not square, so that a swap of x and y shows. */
export const COLUMNS = 640;
export const ROWS = 480;

export const imageRef: ImageRef = {
  sopInstanceUID: '2.25.100',
  sopClassUID: '1.2.840.10008.5.1.4.1.1.77.1.2',
  frameNumber: 1,
  seriesInstanceUID: '2.25.10',
  rows: ROWS,
  columns: COLUMNS,
};

export const run: Extract<Action, { type: 'recordAiRun' }>['run'] = {
  modelId: 'deepacev2-r24h',
  modelVersion: '1.0.0',
  modelSha256: 'ab'.repeat(32),
  method: 'eg',
  scoreThreshold: 0.5,
  provider: 'wasm',
};

/** Places 0 to 111: boxes of 30 × 50 px in rows of eight, apart from each other and from the edge. */
export function boxAt(place: number): Box {
  const x = 20 + 70 * (place % 8) + 35 * Math.floor(place / 56);
  const y = 15 + 65 * (Math.floor(place / 8) % 7);
  return [x, y, x + 30, y + 50];
}

export function detectionsAt(places: readonly number[], prefix: string, score = 0.9): AiDetection[] {
  return places.map(place => ({ id: `${prefix}.${place}`, box: boxAt(place), score }));
}

export function places(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

export function newCells(n: number): NewCell[] {
  return places(n).map(i => ({
    id: `cell${i + 1}`,
    cellNumber: i + 1,
    imageRef: { ...imageRef, sopInstanceUID: `2.25.100.${i + 1}` },
  }));
}

export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}

/** One cell for each count, counted by the model only. */
export function countedCase(counts: readonly number[], { acceptedUpTo = 0 } = {}): CaseState {
  let state = applyAction(createCase({ studyInstanceUID }), { type: 'addCells', cells: newCells(counts.length), by: model, at });
  counts.forEach((count, i) => {
    state = applyAction(state, { type: 'recordAiRun', cellId: `cell${i + 1}`, run, detections: detectionsAt(places(count), `c${i + 1}`), by: model, at });
    if (i < acceptedUpTo) {
      state = applyAction(state, { type: 'acceptCell', cellId: `cell${i + 1}`, by: reader, at });
    }
  });
  return deepFreeze(state);
}

export function reviewedCase(counts: readonly number[]): CaseState {
  return countedCase(counts, { acceptedUpTo: counts.length });
}

/** Applies the actions in order, signed by the person, on states that no one can change. */
export function act(state: CaseState, by: Person, ...actions: readonly Unsigned[]): CaseState {
  return actions.reduce((before, action) => deepFreeze(applyAction(before, { ...action, by, at } as Action)), state);
}

type OmitSignature<T> = T extends Action ? Omit<T, 'by' | 'at'> : never;
export type Unsigned = OmitSignature<Action>;
