/** `npm run evaluate`: the figures of the paper on marked images. */
import { evaluateHelp, parseEvaluateArguments } from './arguments.ts';
import { exitCode } from './exitCode.ts';
import { writeStandardOutput } from './outputs/standardOutput.ts';
import { runProgram, shippedModel } from './program.ts';
import { runEvaluate } from './runEvaluate.ts';

await runProgram(async (argv, signal) => {
  const args = parseEvaluateArguments(argv, shippedModel);
  if (args) return runEvaluate(args, { entry: new URL(import.meta.url), signal });
  await writeStandardOutput(evaluateHelp);
  return exitCode.allCounted;
});
