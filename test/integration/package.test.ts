import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { cp, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fixturePath } from '../support/fixtures.js';
import { temporaryFolder } from './support/service.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAX_TARBALL_BYTES = 1_000_000;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let tarball: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  // What is packed is the build that the tests run.
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder.path], ROOT);
  const [name] = (await readdir(folder.path)).filter((file) => file.endsWith('.tgz'));
  tarball = join(folder.path, name!);
}, 300_000);

afterAll(() => folder.remove());

interface Ended {
  readonly status: number | null;
  readonly output: string;
}

async function tryRun(command: string, args: readonly string[], cwd: string): Promise<Ended> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const status = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  return { status, output };
}

async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { status, output } = await tryRun(command, args, cwd);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${output}`);
  return output;
}

const bin = (name: string) => join(ROOT, 'node_modules/.bin', name);

test('the package is small, and has neither tests nor benchmarks', async () => {
  expect((await stat(tarball)).size).toBeLessThan(MAX_TARBALL_BYTES);
  const files = (await run('tar', ['tzf', tarball], ROOT)).trim().split('\n');
  expect(files.filter((file) => /\.test\.|\.map$|^package\/(dist\/)?(test|bench|examples|trials)/.test(file))).toEqual(
    [],
  );
  for (const file of ['README.md', 'LICENSE', 'dist/src/cli/cairn.js', 'dist/src/client/index.d.ts']) {
    expect(files).toContain(`package/${file}`);
  }
});

test('publint and arethetypeswrong find nothing', async () => {
  expect(await run(bin('publint'), [tarball, '--strict'], ROOT)).toMatch(/All good/);
  // Its status says whether it found anything for importers; the package has no CommonJS.
  await run(bin('attw'), [tarball, '--profile', 'esm-only', '--no-color'], ROOT);
}, 300_000);

/** A program of each entry; the last of them reads what the command line writes. */
const PROGRAMS: Readonly<Record<string, string>> = {
  main: `
    import { Backbone, fpnGraph, parseSpec, resnetGraph, withBackboneLevels, type Graph } from 'cairn';
    const graph: Graph = fpnGraph(resnetGraph('resnet18', true));
    const spec = withBackboneLevels(parseSpec({ model: 'mask-rcnn-resnet18', size: 64, levels: 'C5' }));
    const backbone = new Backbone({ threads: 1 });
    const [levels] = await backbone.runBatch({ ...spec, weights: 'seeded' }, new Uint8Array(64 * 64 * 3), 1);
    console.log(graph.nodes.length > 50, levels![0]!.tensor.shape.join());
    await backbone.close();`,
  client: `
    import { Cairn, RequestError } from 'cairn/client';
    const cairn = new Cairn('http://127.0.0.1:1', { retry: { limitMs: 0 } });
    const failure: unknown = await cairn.models().catch((error: unknown) => error);
    if (failure instanceof RequestError) console.log(failure.code, failure.transient);`,
  tensorflow: `
    import { resnetGraph } from 'cairn';
    import { loadWasm, loadWeights, toLayersModel } from 'cairn/tensorflow';
    await loadWasm();
    const graph = resnetGraph('resnet18', false);
    const model = toLayersModel(graph, await loadWeights('seeded', graph), { outputs: ['C2'] });
    console.log(model.outputs.length, model.layers.length > 10);
    process.exit(0);`,
  features: `
    import { readdir } from 'node:fs/promises';
    import { openArchive, readFloats, type LevelDescription } from 'cairn/features';
    const [name] = (await readdir('out')).filter((file) => file.endsWith('.zarr.zip'));
    const archive = await openArchive('out/' + name);
    const level: LevelDescription = archive.select(['C5'])[0]!;
    console.log(level.shape.join(), (await readFloats(archive, level)).length);
    await archive.close();`,
};
const OUTPUT = {
  main: 'true 2,2,512',
  client: 'server-unreachable true',
  tensorflow: '1 true',
  features: '2,2,512 2048',
};

test('it is installed into an empty folder, and each entry and the command line run there', async () => {
  const place = join(folder.path, 'place');
  await mkdir(place);
  await writeFile(join(place, 'package.json'), '{ "name": "place", "private": true, "type": "module" }');
  const install = ['install', tarball, '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
  const installed = await tryRun('npm', install, place);
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH/.test(installed.output)) {
    console.warn(`Skipped: the registry does not answer.\n${installed.output}`);
    return;
  }
  expect(installed).toMatchObject({ status: 0 });

  await cp(join(ROOT, 'node_modules/@types/node'), join(place, 'node_modules/@types/node'), { recursive: true });
  await cp(join(ROOT, 'node_modules/undici-types'), join(place, 'node_modules/undici-types'), { recursive: true });
  for (const [name, program] of Object.entries(PROGRAMS)) await writeFile(join(place, `${name}.ts`), program);
  const options = '--target es2023 --module nodenext --strict --skipLibCheck --types node --outDir built'.split(' ');
  await run(bin('tsc'), [...options, ...Object.keys(PROGRAMS).map((name) => `${name}.ts`)], place);

  await mkdir(join(place, 'photos'));
  await cp(fixturePath('images/astronaut.jpg'), join(place, 'photos/astronaut.jpg'));
  const extract = 'cairn extract photos/astronaut.jpg --model mask-rcnn-resnet18 --size 64 --levels C5 --out out';
  await run('npx', ['--no-install', ...extract.split(' ')], place);
  for (const [name, expected] of Object.entries(OUTPUT)) {
    expect((await run(process.execPath, [`built/${name}.js`], place)).trim()).toBe(expected);
  }
}, 600_000);
