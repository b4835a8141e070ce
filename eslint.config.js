import js from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['**/dist/', 'extension/public/', '**/node_modules/', '.cache/', '.venv/', '.runs/'] },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2022, sourceType: 'module' },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      // TypeScript finds undefined names; the JavaScript files run in Node, the browser or both.
      'no-undef': 'off',
      'no-constant-condition': ['error', { checkLoops: false }],
      // An `any` is allowed at the borders to libraries that ship no types (the OHIF host, dcmjs).
      '@typescript-eslint/no-explicit-any': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['extension/src/{detection,casework,report}/**/*.ts'],
    rules: { 'no-console': 'error' },
  },
  { files: ['**/*.cjs'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
);
