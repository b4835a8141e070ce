import { availableParallelism } from 'node:os';

/**
 * Three kinds of test, told apart by name, because two of them need a program beside Node:
 *   *.test.ts           jest alone
 *   *.browser.test.ts   Chromium (CHROMIUM_PATH, or on the PATH)
 *   *.orthanc.test.ts   Orthanc with its DICOMweb plugin
 * `npx jest path/to/file` runs any of them; test/run.mjs chooses by what the machine has.
 */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts', '**/*.test.tsx'],
  testPathIgnorePatterns: ['/node_modules/'],
  moduleFileExtensions: ['ts', 'tsx', 'mjs', 'js', 'cjs', 'json', 'node'],
  transform: { '\\.(tsx?|mjs|jsx?)$': '<rootDir>/test/support/esbuildTransform.cjs' },
  // Packages that ship only .mjs must become CommonJS too; the rest of node_modules is loaded as it is.
  transformIgnorePatterns: ['/node_modules/.*\\.(js|cjs|json|node)$'],
  maxWorkers: Math.min(2, availableParallelism()),
};
