const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { extname } = require('node:path');
const { transformSync, version } = require('esbuild');

const loaders = { '.ts': 'ts', '.tsx': 'tsx', '.mjs': 'js', '.js': 'js', '.jsx': 'jsx' };
const self = readFileSync(__filename);

/** Jest transform: TypeScript and ES modules to CommonJS, with `import.meta.url` of the file itself. */
module.exports = {
  canInstrument: false,
  getCacheKey(source, path, { configString }) {
    return createHash('sha256').update(self).update(version).update(configString).update(path).update(source).digest('hex');
  },
  process(source, path) {
    const { code } = transformSync(source, {
      loader: loaders[extname(path)] ?? 'js',
      format: 'cjs',
      platform: 'node',
      target: 'node20',
      jsx: 'automatic',
      sourcemap: 'inline',
      sourcefile: path,
      define: { 'import.meta.url': '__importMetaUrl' },
      banner: "const __importMetaUrl = require('node:url').pathToFileURL(__filename).href;",
      // Jest runs without the experimental ESM loader: a dynamic import becomes a require.
      supported: { 'dynamic-import': false },
    });
    return { code };
  },
};
