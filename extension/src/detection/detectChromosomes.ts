/**
 * The pipeline, top to bottom (Fig. 2 of the paper, after the size policy):
 * frame [image px] → picture within its border → polarity, light → scout → region at the trained scale [network px]
 * → dense stage: objectness, deltas, features → proposals [R,4] → heads: scores, deltas, embeddings, types, hidden
 * → refinement, as many looks as the manifest wants → close-up of each doubtful box: scores, deltas, types, hidden
 * → relations of all boxes: scores, deltas, embeddings, types → candidates [image px].
 * The graphs are injected; suppression is `selectDetections`.
 */
import { closeUpInput, doubtfulRows } from './closeUp.ts';
import { DetectionError } from './errors.ts';
import { checkGrayImage, inBox, normalizePolarity } from './grayImage.ts';
import type { DarkOnBright } from './grayImage.ts';
import { levelLight } from './light.ts';
import type { Manifest } from './manifest.ts';
import { cutOut, pictureBox } from './pictureBox.ts';
import { preprocess } from './preprocess.ts';
import { selectProposals } from './proposals.ts';
import { NO_CANDIDATES, nextRois, refineRois } from './refinement.ts';
import type { NextRois } from './refinement.ts';
import { relationInput } from './relation.ts';
import { chooseRegion, closerLook, isCell, scoutSize } from './sizePolicy.ts';
import type { NetworkRegion, ScoutSize } from './sizePolicy.ts';
import type { Abortable, Box, Candidates, CellDetection, CloseUpOutput, DetectionStage, Features, GrayImage, NetworkImage, Stages } from './types.ts';

const NOTHING = new Float32Array(0);
const NOTHING_SEEN: CloseUpOutput = { scores: NOTHING, deltas: NOTHING, types: NOTHING, hidden: NOTHING };

export interface DetectOptions {
  /** read between stages; the promise then rejects with its reason */
  signal?: Abortable;
  /** called as each stage begins */
  onStage?: (stage: DetectionStage) => void;
}

/**
 * @throws DetectionError invalidImage, imageTooSmall, imageTooLarge before anything runs; invalidModelOutput where a
 * graph returns other shapes than the manifest promises, or NaN. Finding no chromosome is a result, not an error.
 */
export async function detectChromosomes<F extends Features>(
  image: GrayImage,
  manifest: Manifest,
  stages: Stages<F>,
  options: DetectOptions = {},
): Promise<CellDetection> {
  checkGrayImage(image);
  const box = pictureBox(image);
  return inFrame(await detectInPicture(cutOut(image, box), manifest, stages, options), image, box);
}

/** From the picture to the frame in which it lies at `box`. */
function inFrame(cell: CellDetection, { width, height }: GrayImage, [left, top]: Box): CellDetection {
  const offset = [left, top, left, top];
  return {
    ...cell,
    candidates: { ...cell.candidates, boxes: cell.candidates.boxes.map((edge, i) => edge + offset[i % 4]) },
    width,
    height,
    region: [cell.region[0] + left, cell.region[1] + top, cell.region[2] + left, cell.region[3] + top],
  };
}

async function detectInPicture<F extends Features>(
  image: GrayImage,
  manifest: Manifest,
  stages: Stages<F>,
  { signal, onStage }: DetectOptions,
): Promise<CellDetection> {
  const begin = (stage: DetectionStage): void => {
    if (signal?.aborted) throw signal.reason;
    onStage?.(stage);
  };
  const { width, height } = image;
  const { input } = manifest;
  const whole = levelLight(normalizePolarity(image), input.light);

  const { network, frame } = await findCell(whole, manifest, stages.scout, () => begin('scout'));

  begin('dense');
  const networkImage = preprocess(frame, network.region, network.width, network.height, input);
  const dense = await stages.dense(networkImage);
  let rois: Float32Array;
  let heads: NextRois['heads'] | null = null;
  try {
    begin('proposals');
    const numAnchors = manifest.anchors.sides.length * manifest.anchors.ratios.length;
    checkGrid('dense', dense, networkImage, manifest.stride, dense.objectness.length / numAnchors);
    rois = selectProposals(dense, network.width, network.height, manifest);
    for (let look = 0; look < manifest.refinement.looks && rois.length > 0; look++) {
      begin('heads');
      const seen = await stages.heads(dense.features, rois);
      begin('refinement');
      ({ rois, heads } = nextRois(rois, seen, network, manifest));
    }
  } finally {
    dense.features.dispose();
  }
  let candidates: Candidates = NO_CANDIDATES;
  if (heads && rois.length > 0) {
    const rows = doubtfulRows(rois, heads.scores, manifest);
    let closeUp: CloseUpOutput = NOTHING_SEEN;
    if (rows.length > 0) {
      begin('closeUp');
      closeUp = await stages.closeUp(closeUpInput(networkImage, rois, heads.scores, rows, manifest));
    }
    begin('relation');
    const given = relationInput({ rois, heads }, rows, closeUp, network, manifest);
    const related = await stages.relation(given);
    begin('refinement');
    candidates = refineRois(given.boxes, related, network, manifest);
  }
  return {
    candidates,
    width,
    height,
    region: network.region,
    networkScale: network.scale,
    sizePx: network.sizePx,
    flags: network.flags,
  };
}

/**
 * By as many looks of the scout as it takes. Contrast is that of what was looked at: a small cell has too few pixels to
 * count in a large frame.
 */
async function findCell(
  whole: DarkOnBright,
  { input, sizePolicy }: Manifest,
  scout: Stages['scout'],
  begin: () => void,
): Promise<{ network: NetworkRegion; frame: DarkOnBright }> {
  const { width, height } = whole.image;
  const lookAt = async (look: ScoutSize, frame: DarkOnBright): Promise<{ look: ScoutSize; frame: DarkOnBright; network: NetworkRegion }> => {
    begin();
    const image = preprocess(frame, look.box, look.width, look.height, input);
    const output = await scout(image);
    checkGrid('scout', output, image, sizePolicy.scoutStride, output.data.length / 2);
    return { look, frame, network: chooseRegion(width, height, look, output, sizePolicy) };
  };
  let seen = await lookAt(scoutSize(width, height, sizePolicy), whole);
  for (let count = 1; count < sizePolicy.scoutLooks; count++) {
    const closer = closerLook(seen.look, seen.network, width, height, sizePolicy);
    if (!closer) break;
    const next = await lookAt(closer, inBox(whole, closer.box));
    // One that finds nothing where an earlier one did is not believed.
    if (isCell(seen.network.flags) && !isCell(next.network.flags)) break;
    seen = next;
  }
  return seen;
}

function checkGrid(
  graph: string,
  { rows, cols }: { rows: number; cols: number },
  image: NetworkImage,
  stride: number,
  numPlaces: number,
): void {
  if (rows * stride === image.height && cols * stride === image.width && rows * cols === numPlaces) return;
  throw new DetectionError(
    'invalidModelOutput',
    `expected the ${graph} graph to return ${image.height / stride}×${image.width / stride} places of ${stride} px, ` +
      `got ${rows}×${cols} with ${numPlaces} values a channel`,
  );
}
