/**
 * The words of the room. Frames: *image px* (the frame as decoded), *scout px* (the low-resolution pass),
 * *network px* (the resampled region). A box is xyxy in floats on pixel edges: pixel i covers [i, i+1).
 */

/** One frame in 8-bit gray, row-major, dark chromosomes or bright ones (polarity is found later). */
export interface GrayImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/**
 * What is fed to a graph: [1,1,height,width] u8; only the top left valid part holds picture, the rest is padding.
 */
export interface NetworkImage {
  readonly width: number;
  readonly height: number;
  readonly validWidth: number;
  readonly validHeight: number;
  readonly data: Uint8Array;
}

export type Box = readonly [x0: number, y0: number, x1: number, y1: number];

/** Output of the scout graph: [2,rows,cols], channel 0 logit "inside a core", channel 1 log2(sqrt(box area)/unit). */
export interface ScoutOutput {
  readonly rows: number;
  readonly cols: number;
  readonly data: Float32Array;
}

/** P3 of one image, wherever the runtime keeps it; the pipeline hands it to the heads and disposes of it. */
export interface Features {
  dispose(): void;
}

/** Output of the dense graph: objectness [A,rows,cols] logits and deltas [4A,rows,cols], channel = anchor*4 + coordinate. */
export interface DenseOutput<F extends Features = Features> {
  readonly rows: number;
  readonly cols: number;
  readonly objectness: Float32Array;
  readonly deltas: Float32Array;
  readonly features: F;
}

/** Output of the heads for R RoIs: scores [R] and types [R,numTypes] are probabilities. */
export interface HeadsOutput {
  readonly scores: Float32Array;
  readonly deltas: Float32Array;
  readonly embeddings: Float32Array;
  readonly types: Float32Array;
  /** [R,width] of which all but the embeddings are made; the width is the graph's own */
  readonly hidden: Float32Array;
}

/** What the close-up is fed of B boxes. */
export interface CloseUpInput {
  /** [B,1,side,side] */
  readonly crops: Uint8Array;
  /** px of a crop */
  readonly side: number;
  /** [B,4] xyxy in network px */
  readonly boxes: Float32Array;
  /** [B], of which the close-up's scores are made too */
  readonly headScores: Float32Array;
}

/** Output of the close-up for the same, as that of the heads. */
export type CloseUpOutput = Omit<HeadsOutput, 'embeddings'>;

/** What the relation graph is fed of N boxes: all of one cell at once, as each is judged beside its neighbours. */
export interface RelationInput {
  /** [N,4] xyxy in network px */
  readonly boxes: Float32Array;
  /** [N] of the close-up, and so of both, where it looked; else the heads' */
  readonly scores: Float32Array;
  /** [N] */
  readonly headScores: Float32Array;
  /** [N] */
  readonly embeddings: Float32Array;
  /** [N,numTypes], the mean of heads and close-up where it looked */
  readonly types: Float32Array;
  /** [N,width] of the heads */
  readonly hidden: Float32Array;
  /** [N,width] of the close-up, 0 where it did not look */
  readonly closeHidden: Float32Array;
  /** [N] 1 where the close-up looked, else 0 */
  readonly looked: Float32Array;
}

/** Output of the relation graph for the same, as that of the heads; the deltas are of the boxes that it was fed. */
export type RelationOutput = Omit<HeadsOutput, 'hidden'>;

/** The five graphs of a model, injected: the room does not know which runtime runs them. */
export interface Stages<F extends Features = Features> {
  scout(image: NetworkImage): Promise<ScoutOutput>;
  dense(image: NetworkImage): Promise<DenseOutput<F>>;
  /** `rois`: flat [R,4] xyxy in network px, R ≥ 1. */
  heads(features: F, rois: Float32Array): Promise<HeadsOutput>;
  /** B ≥ 1. */
  closeUp(input: CloseUpInput): Promise<CloseUpOutput>;
  /** N ≥ 1. */
  relation(input: RelationInput): Promise<RelationOutput>;
}

/** All refined boxes above the candidate floor, by descending score; kept, so that suppression can be repeated. */
export interface Candidates {
  readonly numCandidates: number;
  /** [N,4] xyxy, image px. */
  readonly boxes: Float32Array;
  readonly scores: Float32Array;
  /** [N] 1-D: that of the Template Module, as the relation graph says it anew. */
  readonly embeddings: Float32Array;
  /** [N,numTypes] probabilities; null only where N is 0. */
  readonly types: Float32Array | null;
}

export type SuppressionMethod = 'eg' | 'soft' | 'hard';

/** One box that survives suppression and threshold. */
export interface Detection {
  /** image px */
  readonly box: Box;
  /** after the decay of the suppression method */
  readonly score: number;
  /** index into the candidates */
  readonly candidate: number;
  readonly type?: { readonly name: string; readonly probability: number };
}

/** What suppression returns: candidate indices in the order of selection and their rescored scores. */
export interface Suppressed {
  readonly indices: Int32Array;
  readonly scores: Float64Array;
}

export type CellFlag = 'noCellFound' | 'scaleClamped' | 'scaleLimited';

/** One run over one frame. */
export interface CellDetection {
  readonly candidates: Candidates;
  /** of the frame, image px */
  readonly width: number;
  readonly height: number;
  /** the part of the frame that was fed, image px, integers */
  readonly region: Box;
  /** network px per image px */
  readonly networkScale: number;
  /** typical sqrt(box area) of a chromosome as the scout saw it, image px */
  readonly sizePx: number;
  /** noCellFound: whole frame fed at scale 1; scaleClamped / scaleLimited: fed at another scale than the trained one. */
  readonly flags: readonly CellFlag[];
}

export type DetectionStage = 'scout' | 'dense' | 'proposals' | 'heads' | 'refinement' | 'closeUp' | 'relation';

/** The part of an AbortSignal that the room reads. */
export interface Abortable {
  readonly aborted: boolean;
  readonly reason?: unknown;
}
