/**
 * The classic route into a viewer: both packages imported by name, as the host's pluginConfig.json makes its build do,
 * and registered with the host's real managers.
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { build as bundle, type Plugin } from 'esbuild';
import { chromium, type Browser, type Page } from 'playwright-core';
import { build } from '../../extension/build.mjs';
import { findChromium, VIEWER_CHROMIUM_ARGS } from '../inference/chromium.ts';
import { fetchHostCore } from './hostCore.ts';

const root = join(__dirname, '..', '..');
const executablePath = findChromium();
if (!executablePath) console.warn('SKIPPED: no Chromium (set CHROMIUM_PATH), so the packages were not registered with the host’s managers');
const inBrowser = executablePath ? describe : describe.skip;

jest.setTimeout(300_000);

const HOST_ENTRY = `
import * as core from '@ohif/core';
// What the host's build writes for the packages of pluginConfig.json.
export async function loadModule(module) {
  if (typeof module !== 'string') return module;
  if (module === '@chromosome-count/extension') return (await import('@chromosome-count/extension')).default;
  if (module === '@chromosome-count/mode') return (await import('@chromosome-count/mode')).default;
  throw new Error('not in this build: ' + module);
}
export const managers = core;
globalThis.host = { managers, loadModule };
`;

/** Two modules of Node that the XML writer of dcmjs names; the host's build has browser versions of them. */
const nodeModules: Plugin = {
  name: 'node-modules',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(url|events)$/ }, ({ path }) => ({ path, namespace: 'node-modules' }));
    onLoad({ filter: /.*/, namespace: 'node-modules' }, () => ({ contents: 'module.exports = { URL: globalThis.URL, EventEmitter: class {} };' }));
  },
};

interface Registered {
  readonly extensionIds: readonly string[];
  readonly service: string;
  readonly commands: readonly string[];
  readonly mode: { readonly id: string; readonly routeName: string; readonly extensions: readonly string[] };
  readonly fit: readonly { readonly valid: boolean; readonly description: string }[];
  /** name and label of each panel of the mode that is ours; null where the host knows none of that id */
  readonly panels: readonly ({ readonly name: string; readonly label: string } | null)[];
  readonly warnings: readonly string[];
}

inBrowser('built into a viewer', () => {
  let browser: Browser;
  let page: Page;
  let registered: Registered | null = null;

  beforeAll(async () => {
    const core = await fetchHostCore();
    if (!core) return console.warn('SKIPPED: @ohif/core could not be fetched, so the packages were not registered with the host’s managers');
    await build({ plugin: true, packages: true, cli: false });
    const { outputFiles } = await bundle({
      stdin: { contents: HOST_ENTRY, resolveDir: root, loader: 'js' },
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'browser',
      alias: { '@ohif/core': core },
      nodePaths: [join(root, 'node_modules')],
      define: { 'process.env.NODE_ENV': '"production"' },
      plugins: [nodeModules],
      logLevel: 'error',
    });
    browser = await chromium.launch({ executablePath: executablePath!, headless: true, args: VIEWER_CHROMIUM_ARGS });
    page = await browser.newPage();
    await page.route('**/*', route =>
      route.request().url().endsWith('/host.js')
        ? route.fulfill({ contentType: 'text/javascript', body: outputFiles[0].text })
        : route.fulfill({ contentType: 'text/html', body: '<!doctype html><script type="module" src="/host.js"></script>' }),
    );
    await page.goto('http://localhost/');
    await page.waitForFunction(() => 'host' in window);
    registered = await page.evaluate(async (): Promise<Registered> => {
      const { managers, loadModule } = (window as never as { host: { managers: any; loadModule(name: string): Promise<any> } }).host;
      const warnings: string[] = [];
      for (const level of ['error', 'warn'] as const) console[level] = (...words) => void warnings.push(words.join(' '));
      const commandsManager = new managers.CommandsManager();
      const servicesManager = new managers.ServicesManager(commandsManager);
      const hotkeysManager = new managers.HotkeysManager(commandsManager, servicesManager);
      const extensionManager = new managers.ExtensionManager({ commandsManager, servicesManager, hotkeysManager, appConfig: {} });
      commandsManager.createContext?.('DEFAULT');
      const extension = await loadModule('@chromosome-count/extension');
      await extensionManager.registerExtensions([extension]);
      const { id, modeFactory } = await loadModule('@chromosome-count/mode');
      // The host's Basic mode is not published as a package; of it only what the mode extends.
      const basic = {
        routes: [{ path: 'basic', layoutInstance: { id: '@ohif/extension-default.layoutTemplateModule.viewerLayout', props: { rightPanels: [] } } }],
        extensions: { '@ohif/extension-default': '^3.0.0' },
        onModeEnter() {},
        onModeExit() {},
      };
      const mode = await modeFactory({ loadModules: async (names: string[]) => names.map(() => ({ modeInstance: basic })) });
      const panelIds: string[] = mode.routes[0].layoutInstance.props.rightPanels;
      return {
        extensionIds: extensionManager.registeredExtensionIds,
        service: servicesManager.services.chromosomeCountService?.constructor.name ?? '',
        commands: ['enterChromosomeCount', 'leaveChromosomeCount', 'countShownCell', 'countAllCells', 'cancelCount', 'saveChromosomeCount'].filter(
          command => typeof commandsManager.getCommand(command, 'DEFAULT')?.commandFn === 'function',
        ),
        mode: { id, routeName: mode.routeName, extensions: Object.keys(mode.extensions) },
        fit: ['GM', 'CT\\MR'].map(modalities => mode.isValidMode({ modalities })),
        panels: panelIds.filter(panel => panel.startsWith('@chromosome-count/')).map(panel => extensionManager.getModuleEntry(panel) ?? null).map(entry => entry && { name: entry.name, label: entry.label }),
        warnings,
      };
    });
  });
  afterAll(() => browser?.close());

  test('the host’s managers take the extension and the mode', () => {
    if (!registered) return;
    expect(registered.warnings).toEqual([]);
    expect(registered.extensionIds).toEqual(['@chromosome-count/extension']);
    expect(registered.service).not.toBe('');
    expect(registered.commands).toHaveLength(6);
    expect(registered.panels).toEqual([{ name: 'count', label: expect.stringMatching(/\w/) }]);
  });

  test('the mode names the package as its extension, and tells the worklist where it fits', () => {
    if (!registered) return;
    expect(registered.mode).toMatchObject({ id: '@chromosome-count/mode', routeName: 'chromosome-count' });
    expect(registered.mode.extensions).toEqual(expect.arrayContaining(['@chromosome-count/extension', '@ohif/extension-default']));
    expect(registered.fit.map(({ valid }) => valid)).toEqual([true, false]);
    expect(registered.fit[1].description).toContain('this study holds CT, MR');
  });

  test('the packages carry what the host’s command-line tool looks for, and the assets that the viewer serves', async () => {
    if (!registered) return;
    for (const [folder, keyword] of [['extension', 'ohif-extension'], ['modes/chromosome-count', 'ohif-mode']]) {
      const { keywords, main } = JSON.parse(await readFile(join(root, folder, 'package.json'), 'utf8')) as { keywords: string[]; main: string };
      expect(keywords).toContain(keyword);
      expect((await stat(join(root, folder, main))).isFile()).toBe(true);
    }
    const assets = join(root, 'extension', 'public', 'plugins', 'chromosome-count');
    for (const name of ['detector.worker.mjs', 'ort/ort-wasm-simd-threaded.wasm', 'models/deepacev2-r24h/manifest.json']) {
      expect((await stat(join(assets, name))).isFile()).toBe(true);
    }
  });
});
