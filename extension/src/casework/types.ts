/**
 * The words of a case: what a cell, a chromosome, an edit and a preset are.
 *
 * Everything is plain, immutable and serialisable JSON. Boxes are [x0, y0, x1, y1] in image px of the frame as decoded
 * (pixel i covers [i, i + 1)). Instants (`at`) are ISO 8601 strings given by the caller: nothing here reads a clock or
 * draws a random number, so the same actions always give the same case.
 */

/** [x0, y0, x1, y1] in image px, x1 > x0 and y1 > y0. */
export type Box = readonly [number, number, number, number];

/** `model` marks what a run did by itself (automatic counting); it is never an undo step of a person. */
export type Role = 'reader' | 'checker' | 'model';

export interface Person {
  readonly name: string;
  readonly role: Role;
}

/** notCounted → counted → reviewed → checked; or excluded with a reason, from any of them and back. */
export type CellStatus = 'notCounted' | 'counted' | 'reviewed' | 'checked' | 'excluded';

export type ExclusionReason = 'overlap' | 'incomplete' | 'poorBanding' | 'twoCells' | 'other';

export interface Exclusion {
  readonly reason: ExclusionReason;
  /** Required when the reason is `other`. */
  readonly text?: string;
  readonly by?: Person;
  readonly at?: string;
}

/** `removed` is a ghost: kept, not counted, and it can be brought back. */
export type ChromosomeStatus = 'ai' | 'confirmed' | 'added' | 'moved' | 'removed';

export interface Chromosome {
  /** DICOM tracking UID, given by the caller. */
  readonly id: string;
  readonly box: Box;
  readonly status: ChromosomeStatus;
  /** Score of the model; absent on a box that a person drew. */
  readonly score?: number;
  /** Most probable type, a hint only. */
  readonly type?: { readonly name: string; readonly probability: number };
  /** Probabilities of the types by name ("A1" … "Y"); types below 1 % may be left out. */
  readonly types?: Readonly<Record<string, number>>;
  /** Who last changed this box; absent while only the model has touched it. */
  readonly by?: Person;
  readonly at?: string;
  /** Of a moved box: where the model had put it. A re-run that finds it there again proposes nothing. */
  readonly movedFrom?: Box;
  /** Of a ghost: what it was. */
  readonly previousStatus?: Exclude<ChromosomeStatus, 'removed'>;
}

export interface ImageRef {
  readonly sopInstanceUID: string;
  readonly sopClassUID: string;
  /** 1-based, 1 for a single-frame image. */
  readonly frameNumber: number;
  readonly seriesInstanceUID: string;
  readonly rows: number;
  readonly columns: number;
  readonly frameOfReferenceUID?: string;
  /** Scanner as "Manufacturer Model", for the statistics per scanner; never a serial number or a person. */
  readonly device?: string;
}

export interface Coordinates {
  readonly x?: number;
  readonly y?: number;
  /** As typed, e.g. an England Finder reference. */
  readonly text?: string;
}

export type SuppressionMethod = 'eg' | 'soft' | 'hard';

export interface AiRun {
  readonly modelId: string;
  readonly modelVersion: string;
  readonly modelSha256: string;
  readonly method: SuppressionMethod;
  readonly scoreThreshold: number;
  readonly provider: string;
  readonly at: string;
  readonly count: number;
  /** What the run found, in the order of the detections; absent on a run read back from a report. */
  readonly boxes?: readonly Box[];
  /** Candidates that just missed the threshold, for the risk flag. */
  readonly nearMisses?: readonly { readonly box: Box; readonly score: number }[];
  /** Flags of the detection, e.g. `noCellFound`. */
  readonly flags?: readonly string[];
  /** Any measure of sharpness that is comparable within a study; larger is sharper. */
  readonly sharpness?: number;
  readonly elapsedMs?: number;
}

/** One box that a later run sees differently from the reviewed cell. */
export type Difference =
  | { readonly id: string; readonly kind: 'new'; readonly chromosome: Chromosome }
  | { readonly id: string; readonly kind: 'gone'; readonly chromosomeId: string };

/** What a re-run, another threshold or another model proposes: "2 new, 1 gone"; nothing changes until it is accepted. */
export interface Proposal {
  readonly differences: readonly Difference[];
}

export type SecondReadMode = 'blind' | 'open';

/** The second reader's view of one cell. */
export interface SecondReadOfCell {
  readonly mode: SecondReadMode;
  readonly by: Person;
  /** When the second reading of the case began: tells one reading from the next. */
  readonly startedAt: string;
  /** The checker's own boxes (open: began as the reader's; blind: began empty). */
  readonly chromosomes: readonly Chromosome[];
  /** A count typed without boxes. */
  readonly typedCount?: number;
  readonly finishedAt?: string;
  /** `differs` waits for a decision; `readerKept` and `checkerTaken` are decisions. */
  readonly outcome?: 'agreed' | 'differs' | 'readerKept' | 'checkerTaken';
  /** The reader's boxes when the checker finished, kept because the cell may have taken the checker's. */
  readonly readerChromosomes?: readonly Chromosome[];
}

export interface Cell {
  readonly id: string;
  /** 1-based, unique within the case. */
  readonly cellNumber: number;
  readonly imageRef: ImageRef;
  readonly slide?: string;
  readonly culture?: string;
  readonly colony?: string;
  readonly coordinates?: Coordinates;
  readonly state: CellStatus;
  readonly exclusion?: Exclusion;
  /** The latest run. */
  readonly aiRun?: AiRun;
  readonly chromosomes: readonly Chromosome[];
  /** Fixed when the reader accepts the cell, gone when the boxes change afterwards. */
  readonly readerCount?: number;
  /** What the reader counted by eye. It counts nothing by itself: the cell is accepted when the boxes say the same. */
  readonly typedCount?: number;
  readonly checkerCount?: number;
  readonly reviewedBy?: Person;
  readonly reviewedAt?: string;
  readonly checkedBy?: Person;
  readonly checkedAt?: string;
  readonly proposal?: Proposal;
  readonly secondRead?: SecondReadOfCell;
}

/** Numbers of a laboratory's protocol; sources in the preset's file. */
export interface Preset {
  readonly id: string;
  readonly name: string;
  /** Cells to count, at least 1. */
  readonly cellsToCount: number;
  /** Cells to analyse by banding, outside this tool; 0 or more. */
  readonly cellsToAnalyse: number;
  /** Where cells of one culture or colony are not independent: `colony` counts each colony once. */
  readonly independentUnit: 'cell' | 'colony';
  /** Colonies that suffice instead of `cellsToCount` cells; 0 when colonies play no part. */
  readonly coloniesToCount: number;
  /** Independent cultures, at least 1. */
  readonly minCultures: number;
  /** Chromosomes of a normal cell; 46 in man. */
  readonly expectedCount: number;
  /** Ascending numbers of cells to extend to after one abnormal cell. */
  readonly extendTo: readonly number[];
  /** Cells with the same gain, or the same loss, that make a clone. */
  readonly clonalGain: number;
  readonly clonalLoss: number;
  /** Confidence of the mosaicism exclusion, 0 to 1 exclusive. */
  readonly confidence: number;
  /** True: who reviewed a cell cannot check it. */
  readonly requireSecondPerson: boolean;
}

export interface SecondRead {
  readonly mode: SecondReadMode;
  readonly by: Person;
  readonly startedAt: string;
  readonly endedAt?: string;
}

/** A case: derived by actions, every one of them in the log. */
export interface CaseState {
  readonly studyInstanceUID: string;
  readonly preset: Preset;
  readonly cells: readonly Cell[];
  readonly secondRead?: SecondRead;
  readonly log: readonly Edit[];
}

/** One detection handed to `recordAiRun`; `id` is a fresh tracking UID, kept only where no earlier box matches. */
export interface AiDetection {
  readonly id: string;
  readonly box: Box;
  readonly score: number;
  readonly type?: { readonly name: string; readonly probability: number };
  readonly types?: Readonly<Record<string, number>>;
}

/** A cell as it enters the case. */
export interface NewCell {
  readonly id: string;
  readonly cellNumber: number;
  readonly imageRef: ImageRef;
  readonly slide?: string;
  readonly culture?: string;
  readonly colony?: string;
  readonly coordinates?: Coordinates;
}

interface Signed {
  readonly by: Person;
  readonly at: string;
}
interface OnCell extends Signed {
  readonly cellId: string;
}

/**
 * Everything that can happen to a case. `by.role` says whose reading a box edit belongs to: a `checker` edits the boxes
 * of the second reading, a `reader` those of the cell.
 */
export type Action =
  | (Signed & { readonly type: 'addCells'; readonly cells: readonly NewCell[] })
  | (Signed & { readonly type: 'changePreset'; readonly preset: Preset })
  | (Signed & { readonly type: 'startSecondRead'; readonly mode: SecondReadMode })
  | (Signed & { readonly type: 'endSecondRead' })
  /** `run.count` and `run.boxes` are derived from `detections`. */
  | (OnCell & {
      readonly type: 'recordAiRun';
      readonly run: Omit<AiRun, 'at' | 'count' | 'boxes'>;
      readonly detections: readonly AiDetection[];
      /** The same for every cell of one run or one new threshold: they are undone together. */
      readonly step?: string;
    })
  /** Without `differenceIds`: all of them. */
  | (OnCell & { readonly type: 'acceptDifferences'; readonly differenceIds?: readonly string[] })
  | (OnCell & { readonly type: 'rejectDifferences'; readonly differenceIds?: readonly string[] })
  | (OnCell & { readonly type: 'addChromosome'; readonly chromosomeId: string; readonly box: Box })
  /** `moreIds` are removed with it, as one step. */
  | (OnCell & { readonly type: 'removeChromosome'; readonly chromosomeId: string; readonly moreIds?: readonly string[] })
  | (OnCell & { readonly type: 'restoreChromosome'; readonly chromosomeId: string })
  | (OnCell & { readonly type: 'confirmChromosome'; readonly chromosomeId: string })
  /** Move or resize: the new box. */
  | (OnCell & { readonly type: 'moveChromosome'; readonly chromosomeId: string; readonly box: Box })
  /** Without `boxes`: halves along the longer side. */
  | (OnCell & {
      readonly type: 'splitChromosome';
      readonly chromosomeId: string;
      readonly newIds: readonly [string, string];
      readonly boxes?: readonly [Box, Box];
    })
  | (OnCell & {
      readonly type: 'mergeChromosomes';
      readonly chromosomeIds: readonly [string, string];
      readonly newId: string;
    })
  /** Removes every live box whose centre lies in the region. */
  | (OnCell & { readonly type: 'rejectRegion'; readonly region: Box })
  /** The reader signs the cell: AI boxes become confirmed, an open proposal is declined. */
  | (OnCell & { readonly type: 'acceptCell' })
  | (OnCell & { readonly type: 'excludeCell'; readonly reason: ExclusionReason; readonly text?: string })
  | (OnCell & { readonly type: 'includeCell' })
  /** Only the given fields change; `null` clears a field. */
  | (OnCell & {
      readonly type: 'setCellDetails';
      readonly cellNumber?: number;
      readonly slide?: string | null;
      readonly culture?: string | null;
      readonly colony?: string | null;
      readonly coordinates?: Coordinates | null;
    })
  /** The reader's count by eye; `null` clears it. */
  | (OnCell & { readonly type: 'setTypedCount'; readonly typedCount: number | null })
  /** The checker signs the cell; `typedCount` where the checker counted without drawing boxes. */
  | (OnCell & { readonly type: 'checkCell'; readonly typedCount?: number })
  /** The decision on a cell where the readers differ. */
  | (OnCell & { readonly type: 'resolveCell'; readonly take: 'reader' | 'checker' });

export type ActionType = Action['type'];

/** Fields that differ between two versions; `null` stands for an absent field. */
export type Fields = Readonly<Record<string, unknown>>;

/** What an edit changed, before and after: enough to undo it, to replay it and to audit it. */
export type Change =
  /** `before` null: inserted at `index`; `after` null: taken out; else the differing fields. */
  | {
      readonly on: 'chromosome';
      readonly cellId: string;
      readonly list: 'chromosomes' | 'secondRead';
      readonly chromosomeId: string;
      readonly index: number;
      readonly before: Fields | null;
      readonly after: Fields | null;
    }
  | {
      readonly on: 'cell';
      readonly cellId: string;
      readonly index: number;
      readonly before: Fields | null;
      readonly after: Fields | null;
    }
  | { readonly on: 'case'; readonly before: Fields; readonly after: Fields };

/** One entry of the append-only log. Undo and redo are entries too: nothing is ever taken out of the log. */
export interface Edit {
  /** 1, 2, 3 … */
  readonly seq: number;
  readonly type: ActionType | 'undo' | 'redo';
  /** Absent on an edit of the whole case. */
  readonly cellId?: string;
  readonly by: Person;
  readonly at: string;
  /** Of an undo or redo: the edit that it takes back or repeats. */
  readonly target?: number;
  /** Edits of several cells with the same step are one step: a run, another threshold. */
  readonly step?: string;
  readonly changes: readonly Change[];
}

/** Three counts side by side; a count that does not exist, or is hidden from a blind reader, is null. */
export interface Counts {
  readonly ai: number | null;
  readonly reader: number | null;
  readonly checker: number | null;
}

export interface Mosaicism {
  /** Reviewed and checked cells (or colonies): a raw AI count excludes nothing. */
  readonly n: number;
  /** Fraction of abnormal cells, 0 to 1, that is excluded when 1, 2 or 3 such cells are needed to call it; null for n < needed. */
  readonly level1: number | null;
  readonly level2: number | null;
  readonly level3: number | null;
  readonly confidence: number;
  /** The level that holds given the most frequent non-modal count: none seen 1, one seen 2, two seen 3; more, or a possible clone: none. */
  readonly holds: 1 | 2 | 3 | null;
  /** One sentence for the panel and the report. */
  readonly text: string;
  /** That cells of one flask are not independent; empty for colonies. */
  readonly note: string;
}

export interface CaseSummary {
  readonly cells: number;
  /** Cells with a count that are not excluded: counted + reviewed + checked. */
  readonly cellsCounted: number;
  /** Of these, with a person's signature: reviewed + checked. */
  readonly cellsReviewed: number;
  readonly cellsChecked: number;
  readonly excluded: number;
  readonly notCounted: number;
  /** Count → cells, most frequent first; its values add up to `cellsCounted`. */
  readonly distribution: ReadonlyMap<number, number>;
  /** `46[18] 45[2]`; never an ISCN karyotype. Empty string without cells. */
  readonly distributionText: string;
  /** Null without cells or when two counts are equally frequent. */
  readonly modalNumber: number | null;
  readonly mosaicism: Mosaicism;
  readonly nextActions: readonly string[];
}

export type RiskKind = 'typedCount' | 'proposal' | 'differsFromMode' | 'edge' | 'touching' | 'lowMargin' | 'blurred' | 'sparse' | 'noCellFound';

export interface RiskFlag {
  readonly kind: RiskKind;
  /** `low` informs only; `medium` and `high` make the cell a flagged cell. */
  readonly severity: 'low' | 'medium' | 'high';
  /** Adds to the cell's risk score; more of the same doubt weighs more. */
  readonly weight: number;
  readonly explanation: string;
  /** Chromosomes to jump to; empty when the flag is about the whole image. */
  readonly chromosomeIds: readonly string[];
  /** Boxes to jump to, image px, also where no chromosome exists (near misses). */
  readonly boxes: readonly Box[];
}

export interface FlagThresholds {
  /** A box closer than this to the image edge touches it, image px. */
  readonly edgePx: number;
  /** So many boxes at the edge make a flagged cell; fewer inform. */
  readonly edgeBoxes: number;
  /** Intersection over the smaller box from which two boxes touch. */
  readonly touching: number;
  /** IoU from which two boxes cross, and how many such pairs make a flagged cell; fewer inform. */
  readonly crossingIou: number;
  readonly crossingPairs: number;
  /** A score is doubtful within this part of the way from the threshold to 1 (counted) and to 0 (left out); 0 to 1. */
  readonly scoreMargin: number;
  /** So many doubtful scores make a flagged cell; fewer inform. */
  readonly doubtfulBoxes: number;
  /** Sharpness below this fraction of the case's median is blurred. */
  readonly sharpnessFraction: number;
  /** A count below this fraction of the expected count is sparse. */
  readonly sparseFraction: number;
}

/** A cell on which the two readers differ. */
export interface ReaderDifference {
  readonly cellId: string;
  readonly cellNumber: number;
  readonly readerCount: number;
  readonly checkerCount: number;
  /** Boxes that only one of them has; empty when the checker typed a count. */
  readonly onlyReader: readonly Chromosome[];
  readonly onlyChecker: readonly Chromosome[];
  readonly outcome: NonNullable<SecondReadOfCell['outcome']>;
}

export interface AgreementFigures {
  /** Cells that both counted. */
  readonly cells: number;
  /** Fraction of cells with the same count, 0 to 1; null without cells. */
  readonly percentAgreement: number | null;
  /** Cohen's kappa (unweighted) of the counts as categories; null where it is undefined (no cells, or one category only). */
  readonly kappa: number | null;
  readonly meanAbsoluteDifference: number | null;
  /** Mean of checker − reader. */
  readonly meanDifference: number | null;
  readonly boxesMatched: number;
  readonly boxesOnlyReader: number;
  readonly boxesOnlyChecker: number;
  readonly differences: readonly ReaderDifference[];
}

/** One reviewed cell as a site statistic keeps it: no UID, no name, no date but the month. `key` stays on the site. */
export interface CorrectionRecord {
  readonly key: string;
  readonly month: string;
  readonly device: string;
  readonly modelId: string;
  readonly modelVersion: string;
  readonly method: SuppressionMethod;
  readonly scoreThreshold: number;
  readonly aiCount: number;
  readonly readerCount: number;
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
}

/** Figures against the site's own corrections, as in the DeepACEv2 paper (section on evaluation metrics). */
export interface CorrectionFigures {
  readonly cells: number;
  /** Whole correct ratio: fraction of cells without a false positive or negative; null without cells. */
  readonly wcr: number | null;
  /** Average error ratio: Σ(FP + FN) / Σ(TP + FN); null without chromosomes. */
  readonly aer: number | null;
  /** Mean of AI − reader. */
  readonly bias: number | null;
}

export interface SiteStatistics {
  readonly overall: CorrectionFigures;
  readonly byDevice: Readonly<Record<string, CorrectionFigures>>;
  readonly byModel: Readonly<Record<string, CorrectionFigures>>;
}

export interface TypeHint {
  /** Types that look missing or extra, to verify; sex chromosomes only as "X or Y". Never a karyotype. */
  readonly missing: readonly string[];
  readonly extra: readonly string[];
  readonly text: string;
}
