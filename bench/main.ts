/**
 * `npm run bench [-- SUITE [options]]`: one process a suite, everything interleaved; the figures that
 * mean something are ratios.
 *
 *     npm run bench                the whole chain against the bare run (chain-main.ts)
 *     npm run bench -- serving     a stored pyramid over HTTP (serving-main.ts)
 *     npm run bench -- batch       ten thousand lines with a worker and Redis killed on the way (batch-main.ts)
 *     npm run bench -- requests    short requests per second, beside another checkout (requests-main.ts)
 *     npm run bench -- engines     every engine and device of this machine (engines-main.ts)
 */
const SUITES: Readonly<Record<string, () => Promise<unknown>>> = {
  chain: () => import('./chain-main.js'),
  serving: () => import('./serving-main.js'),
  batch: () => import('./batch-main.js'),
  engines: () => import('./engines-main.js'),
  requests: () => import('./requests-main.js'),
  // A part of the suite before it, in a process of its own.
  'engine-memory': () => import('./engine-memory.js'),
};

const first = process.argv[2] ?? 'chain';
const suite = first.startsWith('-') ? 'chain' : first;
if (Object.hasOwn(SUITES, suite)) await SUITES[suite]!();
else throw new Error(`There is no suite "${suite}"; known are ${Object.keys(SUITES).join(', ')}.`);
