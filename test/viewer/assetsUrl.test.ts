import { assetsUrl } from '../../extension/src/viewer/assetsUrl.ts';

const inBuild = 'https://viewer.example/viewer/chunk.js';

test('loaded by URL: the folder of the entry, whatever the viewer’s address', () => {
  const entry = 'https://viewer.example/tools/count/extension.mjs?v=2';
  expect(assetsUrl(entry, { publicUrl: '/viewer/' })).toBe('https://viewer.example/tools/count/');
});

test.each([
  [undefined, '/plugins/chromosome-count/'],
  ['', '/plugins/chromosome-count/'],
  ['/', '/plugins/chromosome-count/'],
  ['/viewer/', '/viewer/plugins/chromosome-count/'],
  ['/viewer', '/viewer/plugins/chromosome-count/'],
  ['https://cdn.example/ohif/', 'https://cdn.example/ohif/plugins/chromosome-count/'],
])('built into a viewer with PUBLIC_URL %j: %s', (publicUrl, expected) => {
  expect(assetsUrl(inBuild, { publicUrl })).toBe(expected);
});

test('what the site configures comes before both', () => {
  for (const moduleUrl of [inBuild, 'https://viewer.example/plugins/chromosome-count/extension.mjs']) {
    expect(assetsUrl(moduleUrl, { configured: '/elsewhere', publicUrl: '/viewer/' })).toBe('/elsewhere/');
  }
});
