/** The OHIF extension "Chromosome count": wiring only. */
import { createCommandsModule } from './viewer/commands.ts';
import { ChromosomeCountService } from './viewer/ChromosomeCountService.ts';
import type { HostParams } from './viewer/hostTypes.ts';
import { beginDetector } from './viewer/openDetector.ts';
import { createPanelModule } from './panel/createPanelModule.ts';

const EXTENSION_ID = '@chromosome-count/extension';

/** Where worker, runtime and models lie when the extension was built into a viewer: its public folder. */
const PUBLIC_FOLDER = '/plugins/chromosome-count/';

/** The folder of this file where it was loaded by URL, so that a site may put the plugin anywhere. */
function assetsUrl(configured: string | undefined): string {
  if (configured) return configured.endsWith('/') ? configured : `${configured}/`;
  const [address] = import.meta.url.split(/[?#]/);
  return address.endsWith('/extension.mjs') ? address.slice(0, -'extension.mjs'.length) : PUBLIC_FOLDER;
}

let service: ChromosomeCountService | null = null;

/** For a page that is opened in the mode itself: called ahead of the viewer's own start. */
export const begin = (): void => beginDetector(assetsUrl(undefined));

export default {
  id: EXTENSION_ID,

  preRegistration(host: HostParams) {
    service = new ChromosomeCountService(host, { assetsUrl: assetsUrl(host.configuration?.assetsUrl) });
    host.servicesManager.registerService({ name: 'chromosomeCountService', create: () => service });
  },

  onModeExit() {
    service?.leave();
  },

  getCommandsModule: (host: HostParams) => createCommandsModule(host, service!),

  getPanelModule: (host: HostParams) => createPanelModule(host, service!),
};
