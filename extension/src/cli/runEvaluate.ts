import type { EvaluateArguments } from './arguments.ts';
import { countInOrder } from './detection/countInOrder.ts';
import { DetectorPool } from './detection/detectorPool.ts';
import type { FrameResult } from './detection/protocol.ts';
import { FatalError, messageOf } from './errors.ts';
import { baseName, readTruth, writeCocoResults } from './evaluation/coco.ts';
import { FailureGallery } from './evaluation/gallery.ts';
import { metricsTable } from './evaluation/metricsTable.ts';
import { exitCode } from './exitCode.ts';
import { workList } from './inputs/workList.ts';
import { evaluateDetections, type EvaluatedImage, type ScoredBox } from './metrics.ts';
import { ClosedOutputError, writeStandardOutput } from './outputs/standardOutput.ts';
import { Progress } from './progress.ts';

/**
 * Counts the images of a truth file with the viewer's own code and prints the figures.
 * @param entry the program file, which serves detections when started as a thread
 * @returns the exit code
 * @throws FatalError
 */
export async function runEvaluate(args: EvaluateArguments, { entry, signal }: { entry: URL; signal: AbortSignal }): Promise<number> {
  const progress = new Progress(process.stderr, args.quiet);
  const truth = await readTruth(args.truth);
  const { model, provider, jobs, method } = args.detection;
  // Down to the candidate floor: average precision needs the ranked boxes, not only the counted ones.
  const { pool, description } = await DetectorPool.start(entry, { model, provider, scoreThreshold: 0, wantsAttributes: false, ...(method && { method }) }, jobs);
  const threshold = args.detection.scoreThreshold ?? description.operatingThreshold;
  const gallery = args.report === undefined ? undefined : new FailureGallery(args.report);
  const evaluated = new Map<string, EvaluatedImage>();
  let numFailed = 0;
  try {
    const items = workList(args.inputs, {
      http: { headers: {}, timeoutMs: 0, retryDelayMs: 0, signal },
      isWanted: ({ file }) => truth.boxesOf.has(baseName(file)),
      onNote: (note) => progress.note(note),
    });
    for await (const { item, result } of countInOrder(items, pool, jobs * 2, signal)) {
      const name = baseName(item.file);
      const failures = result.failures.map(({ message }) => message);
      const [frame] = result.frames;
      const size = truth.sizeOf.get(name);
      if (frame && size && (frame.width !== size[0] || frame.height !== size[1])) failures.push(`is ${frame.width}×${frame.height}, the truth says ${size[0]}×${size[1]}`);
      if (evaluated.has(name)) failures.push('is a second image of this name');
      progress.input(item.file, failures.length > 0 ? 0 : 1, failures);
      if (failures.length > 0) {
        numFailed++;
        continue;
      }
      const image = { truth: truth.boxesOf.get(name)!, detections: scoredBoxes(frame) };
      evaluated.set(name, image);
      await gallery?.add(item, name, { ...image, detections: image.detections.filter(({ score }) => score >= threshold) });
    }
    signal.throwIfAborted();
    progress.finish();
    if (evaluated.size === 0) throw new FatalError(`none of the ${truth.boxesOf.size} images of ${args.truth} was found and counted`);
    const metrics = evaluateDetections([...evaluated.values()], threshold);
    const conditions = { model: `${description.modelId}@${description.modelVersion}`, suppression: description.method, threshold: String(threshold), provider: description.provider };
    const table = metricsTable(metrics, conditions);
    await writeStandardOutput(args.json ? `${JSON.stringify({ ...conditions, threshold, modelSha256: description.modelSha256, ...metrics })}\n` : table);
    if (args.detections !== undefined) await writeCocoResults(args.detections, evaluated, truth);
    if (gallery) progress.note(`failures: ${await gallery.finish(table)}`);
    const missing = [...truth.boxesOf.keys()].filter((name) => !evaluated.has(name));
    if (missing.length > 0) progress.note(`${missing.length} of ${truth.boxesOf.size} images of the truth were not evaluated: ${missing.slice(0, 3).join(', ')}${missing.length > 3 ? ', …' : ''}`);
    return missing.length + numFailed > 0 ? exitCode.someFailed : exitCode.allCounted;
  } catch (error) {
    if (signal.aborted) return exitCode.interrupted;
    if (error instanceof ClosedOutputError) return exitCode.closedOutput;
    throw error instanceof FatalError ? error : new FatalError(messageOf(error), { cause: error });
  } finally {
    await pool.close();
  }
}

function scoredBoxes({ boxes }: FrameResult): ScoredBox[] {
  return boxes.map(([x0, y0, x1, y1, score]) => ({ box: [x0, y0, x1, y1], score }));
}
