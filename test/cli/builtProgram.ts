import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';

export type ProgramName = 'count' | 'evaluate';

const root = join(__dirname, '..', '..');
/** As deep as dist/cli, since the programs look for the model from where they lie; one for each test file at a time. */
const folder = join(root, 'dist', `cli-test-${process.pid}`);

/** Builds the command-line programs as extension/build.mjs does, but where no other run can rewrite them. */
export async function buildPrograms(): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: ['extension/src/cli/count.ts', 'extension/src/cli/evaluate.ts'],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true, format: 'esm', platform: 'node', target: 'node20', packages: 'external', logLevel: 'warning',
  });
}

export function programPath(program: ProgramName): string {
  return join(folder, `${program}.mjs`);
}

export function removePrograms(): Promise<void> {
  return rm(folder, { recursive: true, force: true });
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function start(program: ProgramName, args: readonly string[], { cwd, env = {} }: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): ChildProcessWithoutNullStreams {
  const { npm_lifecycle_event: _event, INIT_CWD: _cwd, ...inherited } = process.env;
  return spawn(process.execPath, [programPath(program), ...args], { cwd, env: { ...inherited, ...env } });
}

export function finished(child: ChildProcessWithoutNullStreams): Promise<Finished> {
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** One job, so that a test run of many programs stays small. */
export function run(program: ProgramName, ...args: readonly string[]): Promise<Finished> {
  return finished(start(program, [...args, '--jobs', '1']));
}

const temporary: string[] = [];

export async function temporaryFolder(): Promise<string> {
  const created = await mkdtemp(join(tmpdir(), 'chromosome-count-'));
  temporary.push(created);
  return created;
}

export async function removeTemporaryFolders(): Promise<void> {
  for (const created of temporary.splice(0)) await rm(created, { recursive: true, force: true });
}
