/**
 * Which room may know which. Arrows point one way: api → jobs/queue, features, models; jobs/worker
 * and cli → extractor → backbone, features; graph knows nobody.
 */
const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { path: '^src/', pathNot: [from, '^src/(errors|split-lines)\\.ts$', ...allowed] },
});

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    only('graph-knows-nobody', '^src/backbone/graph/', [], 'the network is plain data'),
    only(
      'weights',
      '^src/backbone/weights/',
      ['^src/backbone/graph/', '^src/backbone/floats\\.ts$'],
      'weights know the graph',
    ),
    only('preprocess', '^src/backbone/preprocess/', [], 'bytes to pixels'),
    only(
      'engine',
      '^src/backbone/engine/',
      ['^src/backbone/(graph|weights)/', '^src/backbone/preprocess/normalization\\.ts$', '^src/backbone/tensor\\.ts$'],
      'engines lower the graph with its weights',
    ),
    only('backbone-is-a-library', '^src/backbone/', [], 'no server, queue or environment in the library'),
    only(
      'features-know-tensors-only',
      '^src/features/',
      ['^src/backbone/(tensor|floats)\\.ts$'],
      'the artefact, however made',
    ),
    only('extractor', '^src/extractor\\.ts$', ['^src/backbone/', '^src/features/'], 'the one file that knows both'),
    only('supervisor', '^src/supervisor\\.ts$', [], 'keeps processes, whatever they do'),
    only('queue', '^src/jobs/queue/', ['^src/backbone/feature-request\\.ts$'], 'safe for the API to import'),
    only(
      'worker',
      '^src/jobs/worker/',
      ['^src/jobs/queue/', '^src/extractor\\.ts$', '^src/backbone/', '^src/features/'],
      'workers run the chain',
    ),
    only(
      'api',
      '^src/api/',
      [
        '^src/jobs/queue/',
        '^src/features/',
        '^src/backbone/(models|describe-model|feature-request|prefer-pyramid)\\.ts$',
        '^src/backbone/(weights|preprocess)/',
      ],
      'the API submits and serves',
    ),
    {
      name: 'api-imports-no-engine',
      severity: 'error',
      from: { path: '^src/api/' },
      to: { path: '^src/backbone/engine/', reachable: true },
    },
    {
      name: 'only-preprocess-imports-sharp',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/backbone/preprocess/' },
      to: { path: 'node_modules/sharp' },
    },
    {
      name: 'engines-keep-their-runtimes',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/backbone/engine/' },
      to: { path: 'node_modules/(onnxruntime|@tensorflow)' },
    },
    {
      name: 'environment-is-read-by-entries',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/(run|main)\\.ts$', '^src/cli/', '^src/config/'] },
      to: { path: '^src/config/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
