/**
 * The OHIF mode "Chromosome count": the host's own Basic mode with the count panel open beside the image.
 *
 * The same file serves both routes into a viewer. Loaded by URL (`modes: ['/plugins/chromosome-count/mode.mjs']`) it
 * names its extension by URL too, because the host imports every name that it does not know; built into a viewer it
 * names the package.
 */
import { describeFit } from './describeFit.ts';
import { addCountColumn, type WorklistHost } from './worklistColumn.ts';

const MODE_ID = '@chromosome-count/mode';
const ROUTE_NAME = 'chromosome-count';
const EXTENSION_PACKAGE = '@chromosome-count/extension';
const COUNT_PANEL = `${EXTENSION_PACKAGE}.panelModule.count`;
const MEASUREMENT_PANEL = '@ohif/extension-cornerstone.panelModule.panelMeasurement';

/** The folder of the plugin where the mode was loaded by URL, else the name of the package. */
function extensionModule(): string {
  const [address] = import.meta.url.split(/[?#]/);
  return address.endsWith('/mode.mjs') ? `${address.slice(0, -'mode.mjs'.length)}extension.mjs` : EXTENSION_PACKAGE;
}

interface HostProps {
  commandsManager: { run(command: string, options?: object): unknown };
}

/** The parts of the host's Basic mode that are extended here; everything else is taken over as it is. */
interface BasicMode {
  routes: { path: string; layoutInstance: { id: string; props: Record<string, unknown> } }[];
  extensions: Record<string, string>;
  onModeEnter(this: unknown, props: HostProps): void;
  onModeExit(this: unknown, props: HostProps): void;
}

interface FactoryOptions {
  loadModules(names: string[]): Promise<{ modeInstance: BasicMode }[]>;
}

/** @throws Error when the viewer is older than 3.13 and has no Basic mode to extend. */
async function modeFactory({ loadModules }: FactoryOptions): Promise<object> {
  if (typeof loadModules !== 'function') {
    throw new Error('Chromosome count: expected a viewer of version 3.13 or newer, which offers loadModules to modes');
  }
  const [{ modeInstance: basic }] = await loadModules(['@ohif/mode-basic']);
  const [route] = basic.routes;
  const layoutInstance = {
    ...route.layoutInstance,
    props: {
      ...route.layoutInstance.props,
      // The panel lists the cells with thumbnails; the stock list of series stays one click away.
      leftPanelClosed: true,
      rightPanels: [COUNT_PANEL, MEASUREMENT_PANEL],
      rightPanelClosed: false,
      rightPanelInitialExpandedWidth: 360,
      rightPanelMinimumExpandedWidth: 320,
      rightPanelResizable: true,
    },
  };
  // The host's own exit hook clears the measurements, which would read as removed boxes: leave first.
  let leave = () => {};
  return {
    ...basic,
    id: MODE_ID,
    routeName: ROUTE_NAME,
    displayName: 'Chromosome count',
    hide: false,
    extensions: { ...basic.extensions, [extensionModule()]: '*' },
    routes: [{ ...route, path: ROUTE_NAME, layoutInstance, layoutTemplate: () => structuredClone(layoutInstance) }],
    isValidMode: describeFit,
    onModeEnter(props: HostProps) {
      basic.onModeEnter.call(this, props);
      leave = () => void props.commandsManager.run('leaveChromosomeCount');
      props.commandsManager.run('enterChromosomeCount');
    },
    onModeExit(props: HostProps) {
      leave();
      basic.onModeExit.call(this, props);
    },
  };
}

/** The host asks a mode for its commands once, before the study list is drawn: the one moment to add to that list. */
function getCommandsModule(host: WorklistHost): object {
  addCountColumn(host);
  return { definitions: {} };
}

/** A page that was opened in the mode itself: its detector loads while the viewer still starts. */
function beginDetector(): void {
  const extension = extensionModule();
  const isOpenedInMode = globalThis.location?.pathname.split('/').includes(ROUTE_NAME);
  if (!isOpenedInMode || extension === EXTENSION_PACKAGE) return;
  // The host imports the same module later, and tells the reader where that fails.
  import(/* webpackIgnore: true */ extension).then(({ begin }: { begin(): void }) => begin()).catch(() => {});
}

beginDetector();

export default { id: MODE_ID, modeFactory, getCommandsModule, extensionDependencies: {} };
