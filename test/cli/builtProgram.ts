import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildCli, cliDir } from '../../extension/buildCli.mjs';

export type ProgramName = 'count' | 'evaluate';

/** The programs as they are shipped. Safe while other tests run: built only where stale, and put in place whole. */
export async function buildPrograms(): Promise<void> {
  await buildCli();
}

export function programPath(program: ProgramName): string {
  return join(cliDir, `${program}.mjs`);
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
