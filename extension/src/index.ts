/** The OHIF extension "Chromosome count": wiring only. */
import { assetsUrl } from './viewer/assetsUrl.ts';
import { createCommandsModule } from './viewer/commands.ts';
import { ChromosomeCountService } from './viewer/ChromosomeCountService.ts';
import type { HostParams } from './viewer/hostTypes.ts';
import { beginDetector } from './viewer/openDetector.ts';
import { createPanelModule } from './panel/createPanelModule.ts';

const EXTENSION_ID = '@chromosome-count/extension';

const placeOf = (configured?: string): string => assetsUrl(import.meta.url, { configured, publicUrl: (window as { PUBLIC_URL?: string }).PUBLIC_URL });

let service: ChromosomeCountService | null = null;

/** For a page that is opened in the mode itself: called ahead of the viewer's own start. */
export const begin = (): void => beginDetector(placeOf());

export default {
  id: EXTENSION_ID,

  preRegistration(host: HostParams) {
    service = new ChromosomeCountService(host, { assetsUrl: placeOf(host.configuration?.assetsUrl) });
    host.servicesManager.registerService({ name: 'chromosomeCountService', create: () => service });
  },

  onModeExit() {
    service?.leave();
  },

  getCommandsModule: (host: HostParams) => createCommandsModule(host, service!),

  getPanelModule: (host: HostParams) => createPanelModule(host, service!),
};
