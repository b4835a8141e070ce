import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';

const samplesEveryMs = 100;
/** Of /proc/<pid>/stat; the same on every Linux that node runs on. */
const ticksPerSecond = 100;

/** @returns {Promise<{ parent: number, cpuSeconds: number, rssBytes: number } | null>} null where the process is gone */
async function look(pid) {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const [, parent, , , , , , , , , , user, system] = stat.slice(stat.lastIndexOf(')') + 2).split(' ').map(Number);
    const rssKilobytes = Number(/^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
    return { parent, cpuSeconds: (user + system) / ticksPerSecond, rssBytes: rssKilobytes * 1024 };
  } catch {
    return null;
  }
}

/**
 * Runs a command and watches it with all processes that it starts (Linux).
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, stdout?: 'ignore' | number }} [options]
 * @returns {Promise<{ code: number, seconds: number, cpuSeconds: number, peakBytes: number, memory: number[] }>}
 *   `memory`: resident bytes of the whole tree over the run, `peakBytes` the most of them
 */
export async function watchProcessTree(command, args, { cwd, stdout = 'ignore' } = {}) {
  const startedAt = performance.now();
  const child = spawn(command, args, { cwd, stdio: ['ignore', stdout, 'ignore'] });
  const ended = once(child, 'exit');
  let isRunning = true;
  void ended.finally(() => (isRunning = false)).catch(() => {});
  const cpu = new Map();
  const memory = [];
  while (isRunning) {
    const processes = new Map();
    for (const name of await readdir('/proc')) {
      if (/^\d+$/.test(name)) processes.set(Number(name), await look(name));
    }
    const isOurs = pid => pid === child.pid || (pid > 1 && isOurs(processes.get(pid)?.parent ?? 0));
    let bytes = 0;
    for (const [pid, seen] of processes) {
      if (!seen || !isOurs(pid)) continue;
      bytes += seen.rssBytes;
      cpu.set(pid, seen.cpuSeconds);
    }
    if (bytes > 0) memory.push(bytes);
    await Promise.race([ended, new Promise(resolve => setTimeout(resolve, samplesEveryMs))]);
  }
  const [code] = await ended;
  return {
    code,
    seconds: (performance.now() - startedAt) / 1000,
    cpuSeconds: [...cpu.values()].reduce((a, b) => a + b, 0),
    peakBytes: Math.max(0, ...memory),
    memory,
  };
}
