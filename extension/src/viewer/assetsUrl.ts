/** Where worker, runtime and models lie, for each way in which the plugin comes into a viewer. */

/** Below the address of a viewer that the plugin was built into. */
const PUBLIC_FOLDER = 'plugins/chromosome-count/';

export interface AssetsPlace {
  /** The site's own word, in the extension's configuration. */
  readonly configured?: string;
  /** Address of the viewer, `window.PUBLIC_URL`: its build may be served below a path. */
  readonly publicUrl?: string;
}

/**
 * @param moduleUrl of the plugin's entry. Where that was loaded by URL the rest lies beside it, so that a site may put
 *   the plugin anywhere; a viewer's own build has it in another file
 * @returns the folder; ends with a slash
 */
export function assetsUrl(moduleUrl: string, { configured, publicUrl }: AssetsPlace): string {
  if (configured) return folder(configured);
  const [address] = moduleUrl.split(/[?#]/);
  if (address.endsWith('/extension.mjs')) return address.slice(0, -'extension.mjs'.length);
  return folder(publicUrl || '/') + PUBLIC_FOLDER;
}

const folder = (url: string): string => (url.endsWith('/') ? url : `${url}/`);
