/**
 * Long tasks of a page's main thread from a Chromium trace, and whose they are.
 *
 * A task is the browser's (`RunTask`); its length is the time of the thread's own clock, so that a busy machine does not
 * stretch it. The sampling profiler tells whose it is: the part of the samples with a function of the plugin on the
 * stack, times that length. What the plugin makes the host do counts as the plugin's.
 */
const TASK_CATEGORY = 'disabled-by-default-devtools.timeline';
const PROFILE_CATEGORY = 'disabled-by-default-v8.cpu_profiler';

export const TRACE_CATEGORIES = [TASK_CATEGORY, PROFILE_CATEGORY, 'devtools.timeline'];

/** @typedef {{ startMs: number, wallMs: number, cpuMs: number, pluginMs: number, hottest: string }} Task */

/**
 * @param {Buffer} trace as Playwright's stopTracing returns it
 * @param {string} pluginPath part of the address of every script of the plugin
 * @param {{ minMs?: number }} [options] processor time from which a task is told
 * @returns {Task[]} the tasks of the busiest renderer's main thread that took over `minMs` of processor time, longest first
 */
export function longTasks(trace, pluginPath, { minMs = 50 } = {}) {
  const { traceEvents } = JSON.parse(trace.toString());
  const thread = mainThread(traceEvents);
  const samples = profileSamples(traceEvents, thread, pluginPath);
  const tasks = traceEvents.filter(event => isOf(event, thread) && event.name === 'RunTask' && event.tdur > 1000 * minMs);
  return tasks.map(({ ts, dur, tdur }) => describe(ts, dur, tdur, samples)).sort((a, b) => b.cpuMs - a.cpuMs);
}

const isOf = ({ pid, tid }, thread) => pid === thread.pid && tid === thread.tid;

function mainThread(events) {
  const threads = events.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain');
  const busyUs = ({ pid, tid }) =>
    events.reduce((sum, event) => (event.pid === pid && event.tid === tid && event.name === 'RunTask' ? sum + event.dur : sum), 0);
  const [busiest] = threads.map(thread => ({ thread, us: busyUs(thread) })).sort((a, b) => b.us - a.us);
  if (!busiest) throw new Error('The trace names no main thread of a renderer');
  return busiest.thread;
}

/** @returns {{ ts: number, us: number, isPlugin: boolean, isIdle: boolean, name: string }[]} in the order of time */
function profileSamples(events, thread, pluginPath) {
  const start = events.find(event => event.name === 'Profile' && isOf(event, thread));
  if (!start) throw new Error('The trace has no processor profile of the main thread');
  const nodes = new Map();
  const samples = [];
  let ts = start.args.data.startTime;
  for (const { name, id, pid, args } of events) {
    if (name !== 'ProfileChunk' || id !== start.id || pid !== start.pid) continue;
    const { cpuProfile = {}, timeDeltas = [] } = args.data;
    for (const { id: nodeId, parent, callFrame } of cpuProfile.nodes ?? []) {
      const isPlugin = Boolean(callFrame.url?.includes(pluginPath) || nodes.get(parent)?.isPlugin);
      const where = callFrame.url ? ` (${callFrame.url.split('/').at(-1)})` : '';
      nodes.set(nodeId, { isPlugin, name: `${callFrame.functionName || 'anonymous'}${where}` });
    }
    (cpuProfile.samples ?? []).forEach((nodeId, i) => {
      ts += timeDeltas[i];
      const { isPlugin, name: frame } = nodes.get(nodeId);
      samples.push({ ts, us: timeDeltas[i], isPlugin, isIdle: frame === '(idle)', name: frame });
    });
  }
  return samples;
}

function describe(ts, dur, tdur, samples) {
  const within = samples.filter(sample => sample.ts >= ts && sample.ts < ts + dur && !sample.isIdle);
  const sum = list => list.reduce((total, { us }) => total + us, 0);
  const byName = new Map();
  for (const { name, us } of within) byName.set(name, (byName.get(name) ?? 0) + us);
  const [hottest] = [...byName].sort((a, b) => b[1] - a[1]);
  const share = within.length ? sum(within.filter(({ isPlugin }) => isPlugin)) / sum(within) : 0;
  return { startMs: ts / 1000, wallMs: dur / 1000, cpuMs: tdur / 1000, pluginMs: (share * tdur) / 1000, hottest: hottest?.[0] ?? 'native code' };
}
