import { accessSync, constants } from 'node:fs';
import path from 'node:path';

/** Chromium of this machine: CHROMIUM_PATH, else the first on the PATH; null where there is none. */
export function findChromium(): string | null {
  const { CHROMIUM_PATH, PATH = '' } = process.env;
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const folders = PATH.split(path.delimiter);
  const candidates = CHROMIUM_PATH ? [CHROMIUM_PATH] : folders.flatMap((folder) => names.map((name) => path.join(folder, name)));
  return candidates.find(isExecutable) ?? null;
}

/** Software rendering of the viewer's WebGL, and nothing of the browser's own traffic. */
export const VIEWER_CHROMIUM_ARGS = [
  '--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
