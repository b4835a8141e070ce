/** The rooms of the house (README, design): who may import whom. Read from the imports of every source file. */
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import ts from 'typescript';

const root = join(dirname(__filename), '..');
const source = join(root, 'extension', 'src');

/** Other rooms and packages each room may import; a room may always import itself. */
const allowed: Record<string, { rooms: string[]; packages: RegExp }> = {
  detection: { rooms: [], packages: /^$/ },
  inference: { rooms: ['detection'], packages: /^(onnxruntime-web|onnxruntime-node|onnxruntime-common|@noble\/hashes|node:)/ },
  casework: { rooms: [], packages: /^$/ },
  report: { rooms: ['casework'], packages: /^$/ },
  viewer: { rooms: ['detection', 'inference', 'casework', 'report'], packages: /^(@cornerstonejs\/|@ohif\/|idb-keyval$|react$)/ },
  panel: { rooms: ['viewer', 'casework', 'report'], packages: /^(react|react-dom)(\/|$)/ },
  cli: { rooms: ['detection', 'inference', 'casework', 'report'], packages: /^(?!@ohif\/|@cornerstonejs\/(core|tools)|react)/ },
};

function imports(path: string) {
  return ts.preProcessFile(readFileSync(path, 'utf8'), true, true).importedFiles.map(({ fileName }) => fileName);
}

function filesBelow(folder: string) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => /\.tsx?$/.test(name) && !name.endsWith('.d.ts')).map(name => join(folder, name));
}

const roomOf = (path: string) => relative(source, path).split(sep)[0];

test('every folder of extension/src is a room with a rule', () => {
  const rooms = readdirSync(source, { withFileTypes: true }).filter(entry => entry.isDirectory()).map(({ name }) => name);
  expect(rooms.sort()).toEqual(Object.keys(allowed).sort());
});

test.each(Object.keys(allowed))('%s imports only what it may', room => {
  const { rooms, packages } = allowed[room];
  const files = filesBelow(join(source, room));
  expect(files.length).toBeGreaterThan(0);
  const forbidden = files.flatMap(path =>
    imports(path)
      .filter(target => {
        if (!target.startsWith('.')) return !packages.test(target);
        const file = join(dirname(path), target);
        // The version number is nobody's room.
        if (file === join(root, 'package.json')) return false;
        const to = roomOf(file);
        return to !== room && !rooms.includes(to);
      })
      .map(target => `${relative(root, path)} imports ${target}`),
  );
  expect(forbidden).toEqual([]);
});

test('viewer knows of inference only its client, and of detection no pipeline', () => {
  const wrong = filesBelow(join(source, 'viewer')).flatMap(path =>
    imports(path)
      .filter(target => target.startsWith('.') && ['inference'].includes(roomOf(join(dirname(path), target))))
      .filter(target => !/\/(DetectorClient|errors|protocol)\.ts$/.test(target))
      .map(target => `${relative(root, path)} imports ${target}`),
  );
  expect(wrong).toEqual([]);
});

test('onnxruntime-web has one room', () => {
  const others = Object.keys(allowed).filter(room => room !== 'inference');
  const wrong = others.flatMap(room => filesBelow(join(source, room))).filter(path => imports(path).some(target => target.startsWith('onnxruntime')));
  expect(wrong.map(path => relative(root, path))).toEqual([]);
});

test('a mode names the extension by address, not by its source', () => {
  const wrong = filesBelow(join(root, 'modes')).filter(path => !path.includes('node_modules') && imports(path).some(target => target.includes('extension/src')));
  expect(wrong.map(path => relative(root, path))).toEqual([]);
});
