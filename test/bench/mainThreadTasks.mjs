/**
 * Long tasks of a page's main thread from a Chromium trace, and whose they are.
 *
 * A task is the browser's (`RunTask`); its length is the time of the thread's own clock, so that a busy machine does not
 * stretch it. The sampling profiler tells whose it is: the part of the samples with a function of the plugin on the
 * stack, times that length. What the plugin makes the host do counts as the plugin's, but for the host's own hooks of
 * the mode it extends, which the plugin's hooks of the same name pass on: they run without the plugin as well.
 */
const TASK_CATEGORY = 'disabled-by-default-devtools.timeline';
const PROFILE_CATEGORY = 'disabled-by-default-v8.cpu_profiler';

/** Hooks of a mode (modes/chromosome-count) that call the host's Basic mode. */
const PASSED_ON = ['onModeEnter', 'onModeExit'];

export const TRACE_CATEGORIES = [TASK_CATEGORY, PROFILE_CATEGORY, 'devtools.timeline'];

/**
 * @typedef {{ startMs: number, wallMs: number, cpuMs: number, pluginMs: number | null, hottest: string, pluginHottest: string }} Task
 *   pluginMs null: the browser recorded no profile, so nothing is known of whose it was
 */

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

/** @returns {{ ts: number, us: number, isPlugin: boolean, isIdle: boolean, name: string, pluginName: string }[] | null} in the order of time; null without a profile */
function profileSamples(events, thread, pluginPath) {
  const start = events.find(event => event.name === 'Profile' && isOf(event, thread));
  if (!start) return null;
  const nodes = new Map();
  const samples = [];
  let ts = start.args.data.startTime;
  for (const { name, id, pid, args } of events) {
    if (name !== 'ProfileChunk' || id !== start.id || pid !== start.pid) continue;
    const { cpuProfile = {}, timeDeltas = [] } = args.data;
    for (const { id: nodeId, parent, callFrame } of cpuProfile.nodes ?? []) {
      const isOwn = Boolean(callFrame.url?.includes(pluginPath));
      const caller = nodes.get(parent);
      const where = callFrame.url ? ` (${callFrame.url.split('/').at(-1)}:${callFrame.lineNumber + 1}:${callFrame.columnNumber + 1})` : '';
      const name = `${callFrame.functionName || 'anonymous'}${where}`;
      const { functionName } = callFrame;
      const isPassedOn = !isOwn && Boolean(caller?.isOwn) && caller.functionName === functionName && PASSED_ON.includes(functionName);
      const isPlugin = isOwn || (Boolean(caller?.isPlugin) && !isPassedOn);
      nodes.set(nodeId, { isOwn, functionName, isPlugin, name, pluginName: isOwn ? name : (caller?.pluginName ?? '') });
    }
    (cpuProfile.samples ?? []).forEach((nodeId, i) => {
      ts += timeDeltas[i];
      const { isPlugin, name: frame, pluginName } = nodes.get(nodeId);
      samples.push({ ts, us: timeDeltas[i], isPlugin, isIdle: frame === '(idle)', name: frame, pluginName });
    });
  }
  return samples;
}

function describe(ts, dur, tdur, samples) {
  const times = { startMs: ts / 1000, wallMs: dur / 1000, cpuMs: tdur / 1000 };
  if (!samples) return { ...times, pluginMs: null, hottest: 'not recorded', pluginHottest: '' };
  const within = samples.filter(sample => sample.ts >= ts && sample.ts < ts + dur && !sample.isIdle);
  const ours = within.filter(({ isPlugin }) => isPlugin);
  const sum = list => list.reduce((total, { us }) => total + us, 0);
  const hottest = (list, nameOf) => {
    const byName = new Map();
    for (const sample of list) byName.set(nameOf(sample), (byName.get(nameOf(sample)) ?? 0) + sample.us);
    return [...byName].sort((a, b) => b[1] - a[1])[0]?.[0];
  };
  const share = within.length ? sum(ours) / sum(within) : 0;
  return {
    ...times,
    pluginMs: (share * tdur) / 1000,
    hottest: hottest(within, ({ name }) => name) ?? 'native code',
    pluginHottest: hottest(ours, ({ pluginName }) => pluginName) ?? '',
  };
}
