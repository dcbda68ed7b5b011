/**
 * Which room may import which. A room imports from the layers below its own and from nobody beside it; the doors (`api`,
 * `cli`) reach the engines only through the queue or through `worker`.
 */
const LAYERS = [
  ['formats'],
  ['backbone'],
  ['features', 'redis'],
  ['spec', 'images', 'keys'],
  ['jobs'],
  ['batches', 'announcements'],
  ['worker'],
  ['api', 'cli'],
];
const ENTRIES = '^src/((run|main)\\.ts$|start/)';
const path = (rooms) => `^src/(${rooms.join('|')})/`;

const layers = LAYERS.flatMap((rooms, layer) =>
  rooms.map((room) => ({
    name: `${room}-imports-from-below`,
    severity: 'error',
    from: { path: path([room]) },
    to: {
      path: path(
        LAYERS.slice(layer)
          .flat()
          .filter((other) => other !== room),
      ),
    },
  })),
).filter(({ to }) => to.path !== path([]));

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...layers,
    {
      name: 'graph-is-plain-data',
      severity: 'error',
      from: { path: '^src/backbone/graph/' },
      to: { path: '^src/', pathNot: ['^src/backbone/graph/', '^src/errors\\.ts$'] },
    },
    {
      name: 'api-reaches-no-engine',
      severity: 'error',
      from: { path: '^src/api/' },
      to: { path: '^src/(backbone/engine|worker)/', reachable: true },
    },
    {
      name: 'client-runs-in-browsers',
      severity: 'error',
      from: { path: '^src/client/' },
      to: { pathNot: ['^src/client/', '^src/errors\\.ts$', 'node_modules/(eventsource-parser|modern-tar)/'] },
    },
    {
      name: 'the-command-line-is-the-client-of-others',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(client|cli)/' },
      to: { path: '^src/client/' },
    },
    {
      name: 'few-modules-import-a-native-library',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(backbone/(preprocess|engine)/|formats/jpeg[.]ts)' },
      to: { path: 'node_modules/(sharp|onnxruntime|@tensorflow)' },
    },
    {
      name: 'the-s3-store-is-loaded-when-it-is-configured',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/features/store/s3/' },
      to: {
        path: ['^src/features/store/s3/', 'node_modules/@aws-sdk'],
        dependencyTypesNot: ['dynamic-import', 'type-only'],
      },
    },
    {
      name: 'entries-read-the-environment',
      severity: 'error',
      from: { path: '^src/', pathNot: [ENTRIES, '^src/(cli|config)/'] },
      to: { path: ['^src/config/', ENTRIES] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
