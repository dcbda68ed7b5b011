/**
 * Tests are TypeScript; what they test is the build in dist/, the same files that ship. So threads
 * and child processes run the very code that the tests import.
 */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' }, module: { type: 'es6' } },
    ],
  },
  moduleNameMapper: {
    '^(?:\\.\\./)+src/(.*)\\.js$': '<rootDir>/dist/src/$1.js',
    // Between test files imports end in .js, as TypeScript wants it; the files end in .ts.
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  // Half of the time goes by in waiting, for locks to expire and services to start.
  maxWorkers: 2,
  // Beside other work a test may get a fraction of a core.
  testTimeout: 120_000,
};
