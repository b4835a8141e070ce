/** `npm run count`: metaphase images in, counts out. */
import { version } from '../../../package.json';
import { countHelp, parseCountArguments } from './arguments.ts';
import { exitCode } from './exitCode.ts';
import { writeStandardOutput } from './outputs/standardOutput.ts';
import { reportIdentity, runProgram, shippedModel } from './program.ts';
import { runCount } from './runCount.ts';

await runProgram(async (argv, signal) => {
  const args = parseCountArguments(argv, process.env, shippedModel);
  if (args) return runCount(args, { entry: new URL(import.meta.url), signal, identity: reportIdentity(version) });
  await writeStandardOutput(countHelp);
  return exitCode.allCounted;
});
