import { KEY_BINDINGS, withKeyBindings } from '../../extension/src/viewer/customization.ts';

const host = [
  { commandName: 'nextImage', keys: ['down'] },
  { commandName: 'rotateViewportCW', keys: ['r'] },
  { commandName: 'undo', keys: ['ctrl+z'] },
  { commandName: 'deleteActiveAnnotation', keys: ['backspace'] },
];

test('one key has one meaning: the host keeps only the keys that the count does not take', () => {
  const bindings = withKeyBindings(host) as { commandName: string; keys: string[] }[];
  const keys = bindings.map(({ keys: combination }) => combination.join('+'));
  expect(new Set(keys).size).toBe(keys.length);
  expect(bindings.map(({ commandName }) => commandName)).toContain('rotateViewportCW');
  expect(bindings.map(({ commandName }) => commandName)).not.toContain('undo');
});

test('every binding has a label for the preferences and a command of its own', () => {
  expect(KEY_BINDINGS.every(({ label }) => label.length > 3)).toBe(true);
  expect(new Set(KEY_BINDINGS.map(({ commandName }) => commandName)).size).toBe(KEY_BINDINGS.length);
});
