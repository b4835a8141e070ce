/**
 * The figures of sections III-B and III-F of the paper. Shapes: boxes [x0, y0, x1, y1] in image px, one entry an image.
 *
 * A detection is assigned to the truth with which its IoU is highest, if that is at least the threshold (0.5). Of those
 * assigned to one truth the one with the highest score is a true positive, the others are false positives; a truth to
 * which none is assigned is a false negative. This is the paper's rule and stricter than COCO's: a detection whose best
 * truth is taken does not fall back to its second best.
 *
 * All shares are fractions from 0 to 1. What would be a division by zero is NaN and printed as such: never a silent zero.
 */
export type Box = readonly [number, number, number, number];

export interface ScoredBox {
  readonly box: Box;
  /** 0..1 */
  readonly score: number;
}

export interface EvaluatedImage {
  readonly truth: readonly Box[];
  /** Ranked boxes down to the candidate floor; `operatingThreshold` makes them the counted ones. */
  readonly detections: readonly ScoredBox[];
}

/** True positives and errors of one set of detections. */
export interface Tally {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
}

export interface OverlappedFigures extends Tally {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly acc: number;
}

export interface Metrics extends Tally {
  readonly images: number;
  readonly truths: number;
  /** Whole Correct Ratio: share of images without an error */
  readonly wcr: number;
  /** Average Error Ratio (Eq. 11): errors by truths */
  readonly aer: number;
  /** Eq. 10 */
  readonly acc: number;
  readonly f1: number;
  readonly precision: number;
  readonly recall: number;
  /** Area under the precision-recall curve at IoU 0.5 and 0.75 */
  readonly map50: number;
  readonly map75: number;
  /** Log-average miss rate over nine FPPI points from 1e-2 to 1e0 */
  readonly mr2: number;
  readonly countMae: number;
  readonly countExact: number;
  readonly countWithin1: number;
  /** Severely overlapped truths, S_o of section III-F */
  readonly overlapped: OverlappedFigures;
}

const overlappedIog = 0.5;
const missRateFloor = 1e-10;
/** Nine points evenly spaced in log space from 1e-2 to 1e0. */
export const fppiPoints: readonly number[] = Array.from({ length: 9 }, (_, i) => 10 ** (-2 + i / 4));

/** What became of each box of one image. */
export interface Assignment {
  /** [detections] index of the truth with the highest IoU, −1 where none reaches the threshold */
  readonly assigned: Int32Array;
  /** [detections] 1 for a true positive */
  readonly isTruePositive: Uint8Array;
  /** [truths] index of its true positive, −1 for a false negative */
  readonly detectionOf: Int32Array;
}

/** III-B; equal IoUs go to the earlier truth, equal scores to the earlier detection. */
export function assignDetections({ truth, detections }: EvaluatedImage, iouThreshold: number): Assignment {
  const assigned = new Int32Array(detections.length).fill(-1);
  const detectionOf = new Int32Array(truth.length).fill(-1);
  detections.forEach(({ box, score }, i) => {
    const { index, iou } = nearestTruth(box, truth);
    if (index < 0 || iou < iouThreshold) return;
    assigned[i] = index;
    const best = detectionOf[index];
    if (best < 0 || score > detections[best].score) detectionOf[index] = i;
  });
  const isTruePositive = Uint8Array.from(assigned, (truthIndex, i) => (truthIndex >= 0 && detectionOf[truthIndex] === i ? 1 : 0));
  return { assigned, isTruePositive, detectionOf };
}

/**
 * @param operatingThreshold detections of at least this score are the counted ones
 */
export function evaluateDetections(images: readonly EvaluatedImage[], operatingThreshold: number): Metrics {
  const counted = images.map(({ truth, detections }) => ({ truth, detections: detections.filter(({ score }) => score >= operatingThreshold) }));
  const tallies = counted.map(tally);
  const total = sum(tallies);
  const truths = total.truePositives + total.falseNegatives;
  const countErrors = counted.map(({ truth, detections }) => Math.abs(detections.length - truth.length));
  const share = (isIn: (error: number) => boolean) => countErrors.filter(isIn).length / images.length;
  const curve50 = rankedCurve(images, 0.5);
  return {
    images: images.length,
    truths,
    ...total,
    wcr: tallies.filter(({ falsePositives, falseNegatives }) => falsePositives + falseNegatives === 0).length / images.length,
    aer: (total.falsePositives + total.falseNegatives) / truths,
    ...ratios(total),
    map50: averagePrecision(curve50),
    map75: averagePrecision(rankedCurve(images, 0.75)),
    mr2: logAverageMissRate(curve50, images.length),
    countMae: countErrors.reduce((a, b) => a + b, 0) / images.length,
    countExact: share((error) => error === 0),
    countWithin1: share((error) => error <= 1),
    overlapped: overlappedFigures(counted),
  };
}

function tally(image: EvaluatedImage): Tally {
  const truePositives = assignDetections(image, 0.5).isTruePositive.reduce((a, b) => a + b, 0);
  return { truePositives, falsePositives: image.detections.length - truePositives, falseNegatives: image.truth.length - truePositives };
}

function sum(tallies: readonly Tally[]): Tally {
  return tallies.reduce<Tally>((a, b) => ({
    truePositives: a.truePositives + b.truePositives,
    falsePositives: a.falsePositives + b.falsePositives,
    falseNegatives: a.falseNegatives + b.falseNegatives,
  }), { truePositives: 0, falsePositives: 0, falseNegatives: 0 });
}

function ratios({ truePositives: tp, falsePositives: fp, falseNegatives: fn }: Tally): { acc: number; precision: number; recall: number; f1: number } {
  return { acc: tp / (tp + fp + fn), precision: tp / (tp + fp), recall: tp / (tp + fn), f1: (2 * tp) / (2 * tp + fp + fn) };
}

/** Detections of all images by descending score: cumulated true and false positives after each different score. */
interface RankedCurve {
  readonly truePositives: readonly number[];
  readonly falsePositives: readonly number[];
  readonly truths: number;
}

function rankedCurve(images: readonly EvaluatedImage[], iouThreshold: number): RankedCurve {
  const ranked = images.flatMap((image) => {
    const { isTruePositive } = assignDetections(image, iouThreshold);
    return image.detections.map(({ score }, i) => ({ score, isTrue: isTruePositive[i] === 1 }));
  });
  ranked.sort((a, b) => b.score - a.score);
  const truePositives: number[] = [];
  const falsePositives: number[] = [];
  let numTrue = 0;
  ranked.forEach(({ score, isTrue }, i) => {
    if (isTrue) numTrue++;
    // Boxes of one score enter together: the score tells no order among them.
    if (ranked[i + 1]?.score === score) return;
    truePositives.push(numTrue);
    falsePositives.push(i + 1 - numTrue);
  });
  return { truePositives, falsePositives, truths: images.reduce((n, { truth }) => n + truth.length, 0) };
}

/** Area under the curve with precision made monotone, all points (PASCAL VOC 2010). */
function averagePrecision({ truePositives, falsePositives, truths }: RankedCurve): number {
  if (truths === 0) return NaN;
  let area = 0;
  let highest = 0;
  for (let i = truePositives.length - 1; i >= 0; i--) {
    highest = Math.max(highest, truePositives[i] / (truePositives[i] + falsePositives[i]));
    area += (highest * (truePositives[i] - (truePositives[i - 1] ?? 0))) / truths;
  }
  return area;
}

/** Dollár et al.: at each point the lowest miss rate reached without exceeding its FPPI, 1 where the curve starts later. */
function logAverageMissRate({ truePositives, falsePositives, truths }: RankedCurve, numImages: number): number {
  if (truths === 0) return NaN;
  const logs = fppiPoints.map((point) => {
    // A point that is reached exactly counts, however 10^-1 was rounded.
    const last = falsePositives.filter((count) => count / numImages <= point * (1 + 1e-9)).length - 1;
    return Math.log(Math.max(missRateFloor, 1 - (truePositives[last] ?? 0) / truths));
  });
  return Math.exp(logs.reduce((a, b) => a + b, 0) / logs.length);
}

/** III-F: truths of which other truths cover half or more; the sum of IoG(other, this) decides. */
export function overlappedTruths(truth: readonly Box[]): Uint8Array {
  return Uint8Array.from(truth, (box, i) => {
    const covered = truth.reduce((total, other, j) => (j === i ? total : total + intersection(other, box)), 0);
    return covered >= overlappedIog * area(box) ? 1 : 0;
  });
}

/** A detection belongs to S_o when the truth nearest to it does (Fig. 9a). */
function overlappedFigures(images: readonly EvaluatedImage[]): OverlappedFigures {
  const total = sum(images.map((image) => {
    const isOverlapped = overlappedTruths(image.truth);
    const { isTruePositive, detectionOf } = assignDetections(image, 0.5);
    const inSubset = image.detections.map(({ box }) => {
      const { index } = nearestTruth(box, image.truth);
      return index >= 0 && isOverlapped[index] === 1;
    });
    return {
      truePositives: inSubset.filter((isIn, i) => isIn && isTruePositive[i] === 1).length,
      falsePositives: inSubset.filter((isIn, i) => isIn && isTruePositive[i] === 0).length,
      falseNegatives: detectionOf.filter((detection, i) => isOverlapped[i] === 1 && detection < 0).length,
    };
  }));
  return { ...total, ...ratios(total) };
}

/** −1 where no truth meets the box. */
function nearestTruth(box: Box, truth: readonly Box[]): { index: number; iou: number } {
  let index = -1;
  let best = 0;
  truth.forEach((candidate, i) => {
    const inter = intersection(box, candidate);
    const iou = inter / (area(box) + area(candidate) - inter);
    if (iou > best) [index, best] = [i, iou];
  });
  return { index, iou: best };
}

function area([x0, y0, x1, y1]: Box): number {
  return Math.max(0, x1 - x0) * Math.max(0, y1 - y0);
}

function intersection(a: Box, b: Box): number {
  return Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
}
