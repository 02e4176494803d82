import tseslint from 'typescript-eslint';

/**
 * Biome formats and lints; eslint only runs the rules that need types, and those that protect
 * determinism: virtual time and seeded streams are the only clocks and dice outside the command line,
 * the lab and the real fabrics.
 */
const otherClocksAndDice = [
  { object: 'Math', property: 'random', message: 'Draw from context.random(purpose).' },
  { object: 'Date', property: 'now', message: 'Take time from context.nowNs().' },
  { object: 'performance', property: 'now', message: 'Take time from context.nowNs().' },
];
const platformGlobals = [
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'process',
  'Buffer',
  'performance',
  'crypto',
  'Date',
].map((name) => ({ name, message: 'Not in a folder that also runs in a browser page.' }));

const otherSyntax = [
  {
    selector: 'TSEnumDeclaration, TSModuleDeclaration[kind="namespace"]',
    message: 'Only syntax that can be erased.',
  },
  { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
];

/**
 * V8 (Node 20) puts a function that is written where it becomes a property into the old generation, and all
 * that it captures stays until a full collection. Exploration opens and drops a thousand stores a second: one
 * such property took half of its time.
 */
const lastingFunctions = [
  'PropertyDefinition > ArrowFunctionExpression.value',
  'AssignmentExpression[left.type="MemberExpression"] > ArrowFunctionExpression.right',
].map((selector) => ({
  selector,
  message: 'Make it a method, or a constant first: V8 keeps what this captures for long.',
}));

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', '*.js'] },
  {
    files: ['src/**/*.ts', 'sim/**/*.ts', 'bench/**/*.ts', 'test/**/*.ts'],
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { '@typescript-eslint': tseslint.plugin },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-unnecessary-condition': 'off',
      'no-restricted-syntax': ['error', ...otherSyntax],
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': ['error', { max: 70, skipComments: true, skipBlankLines: true }],
    },
  },
  {
    files: ['**/*.test.ts', 'test/**/*.ts'],
    rules: { 'max-lines-per-function': 'off' },
  },
  {
    files: [
      'src/core/**/*.ts',
      'src/memory/**/*.ts',
      'src/systems/**/*.ts',
      'src/workload/**/*.ts',
      'src/check/**/*.ts',
      'sim/**/*.ts',
    ],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-properties': ['error', ...otherClocksAndDice],
      'no-restricted-globals': ['error', ...platformGlobals],
    },
  },
  {
    files: [
      'src/core/**/*.ts',
      'src/memory/**/*.ts',
      'src/systems/**/*.ts',
      'src/check/**/*.ts',
      'src/lab/check/**/*.ts',
      'sim/explore/**/*.ts',
    ],
    ignores: ['**/*.test.ts'],
    rules: { 'no-restricted-syntax': ['error', ...otherSyntax, ...lastingFunctions] },
  },
);
