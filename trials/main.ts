/** `npm run chaos`, `fuzz`, `soak`, `attacks`: what the service promises, while everything is done to break it. */
const USAGE = `npm run SUITE [-- OPTIONS]

  chaos    processes are killed and frozen, Redis is filled and cut, the disk fills, bits flip, clocks jump
  fuzz     generated and mutated requests to every operation of the OpenAPI document, and mutated files
  soak     mixed load, with memory, handles and event loop of each process drawn as SVG
  attacks  what once took the service down, and what others notice of it meanwhile

  --minutes N    how long, not counting the account at the end
  --seed N       repeats a run's draws; every run prints its own
  --requests N   fuzz: this many instead of --minutes
  --only LIST    fuzz: one request, by its number; attacks: these
  --out FILE     soak: the drawing
  --no-timing    latency is printed only: for machines that other programs keep busy
  --keep         the folder of the run stays, with the logs of its processes

The exit status is 1 when a promise was broken; each breach is printed as it is found.
`;
interface Suite {
  readonly main: (args: readonly string[]) => Promise<void>;
}
const SUITES: Readonly<Record<string, () => Promise<Suite>>> = {
  chaos: () => import('./chaos/chaos-main.js'),
  fuzz: () => import('./fuzz/fuzz-main.js'),
  soak: () => import('./soak/soak-main.js'),
  attacks: () => import('./attacks/attacks-main.js'),
  // A part of fuzz, in a process of its own.
  'fuzz-files': () => import('./fuzz/files-main.js'),
};

const [suite = '', ...args] = process.argv.slice(2);
if (args.includes('--help') || !Object.hasOwn(SUITES, suite)) {
  process.stdout.write(USAGE);
  if (!args.includes('--help')) process.exitCode = 2;
} else {
  const { main } = await SUITES[suite]!();
  await main(args);
}
