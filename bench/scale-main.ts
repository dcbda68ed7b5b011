/**
 * What grows with the machines, and what does not: images per second with twice the workers and twice the threads, and
 * the images per second at which the API, Redis or the store is the limit.
 *
 *     npm run bench -- scale [--parts growth,ceiling] [--rounds 3] [--model mask-rcnn-resnet50] [--size 1024] [--images 8]
 *                            [--precision float32] [--dtype float16] [--codec zstd] [--jobs 2000] [--photos 60]
 *                            [--concurrency 8] [--json]
 *
 * `--images`, `--precision`, `--dtype` and `--codec` are for the growth. The ceiling takes `--jobs` small images and
 * `--photos` photos per load and round; its large archives are uint8 and JPEG. Data are in the system's folder for
 * temporary files (`TMPDIR`), whose disk the store is then measured on. Linux only.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { parseSpec } from '../src/spec/feature-spec.js';
import { DistinctImages } from './distinct-images.js';
import { progress } from './progress.js';
import { measureCeiling, type Load } from './scale/ceiling.js';
import { CleanUp } from './clean-up.js';
import { hasTaskset, pin, usableCores } from './scale/cores.js';
import { measureGrowth } from './scale/growth.js';
import { ceilingText, growthText } from './scale/report.js';
import { startRedis } from './service.js';

const { values: flags } = parseArgs({
  allowPositionals: true,
  options: {
    parts: { type: 'string', default: 'growth,ceiling' },
    rounds: { type: 'string', default: '3' },
    model: { type: 'string', default: 'mask-rcnn-resnet50' },
    size: { type: 'string', default: '1024' },
    images: { type: 'string', default: '8' },
    precision: { type: 'string', default: 'float32' },
    dtype: { type: 'string', default: 'float16' },
    codec: { type: 'string', default: 'zstd' },
    jobs: { type: 'string', default: '2000' },
    photos: { type: 'string', default: '60' },
    concurrency: { type: 'string', default: '8' },
    json: { type: 'boolean', default: false },
  },
});
const PARTS = ['growth', 'ceiling'];
const parts = flags.parts.split(',');
const strange = parts.find((part) => !PARTS.includes(part));
if (strange !== undefined) throw new Error(`There is no part "${strange}"; the parts are ${PARTS.join(', ')}.`);
const { model, size, precision, dtype, codec } = flags;
const growthQuery = queryOf({ model, size, precision, dtype, codec });
const smallQuery = queryOf({ model: 'mask-rcnn-resnet18', size: '64', levels: 'C5' });
const largeQuery = queryOf({ model, size, dtype: 'uint8', codec: 'jpeg' });
const [rounds, images, jobs, photos, concurrency] = [
  count('rounds'),
  count('images'),
  count('jobs'),
  count('photos'),
  count('concurrency'),
];
const usable = usableCores();
const cores = coresToPin();
const photo = (name: string) => readFile(new URL(`../../test/fixtures/images/${name}`, import.meta.url));
/** The side of the photos that the ceiling is measured with, whatever size they are computed at. */
const PHOTO_SIDE = 1024;

const cleanUp = new CleanUp();
try {
  const folder = await mkdtemp(join(tmpdir(), 'cairn-bench-'));
  cleanUp.add(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  // With an append-only file, as a deployment has it.
  const redis = await startRedis({ dataDir: join(folder, 'redis') });
  cleanUp.add(() => redis.stop());

  const growthOptions = {
    redisUrl: redis.url,
    folder,
    query: growthQuery,
    photos: await originals(),
    images,
    rounds,
    cores,
  };
  // Its clusters end before the ceiling is measured: idle workers ask Redis for jobs.
  const growth = parts.includes('growth') && (await cleanUp.after(() => measureGrowth(growthOptions, cleanUp)));
  if (growth && !flags.json) {
    console.log(`${growthText(growth, `${growthQuery}, ${images} images per variant and round, ${rounds} rounds`)}\n`);
  }
  if (cores && parts.includes('ceiling')) for (const pid of [redis.pid, process.pid]) pin(pid, cores[1]);
  const ceiling =
    parts.includes('ceiling') &&
    (await measureCeiling({ redis, folder, loads: await makeLoads(), rounds, cores, concurrency }, cleanUp));
  if (ceiling && !flags.json) console.log(ceilingText(ceiling, usable.length));
  if (flags.json) {
    const machine = {
      node: process.version,
      processor: cpus()[0]!.model,
      cores: usable.length,
      pinned: cores !== undefined,
    };
    console.log(JSON.stringify({ ...machine, flags, ...(growth && { growth }), ...(ceiling && { ceiling }) }, null, 2));
  }
} finally {
  await cleanUp.run();
}

/** Options of a job, checked before anything starts. */
function queryOf(options: Record<string, string>): string {
  parseSpec(options);
  return new URLSearchParams(options).toString().replaceAll('%2C', ',');
}

function count(name: 'rounds' | 'images' | 'jobs' | 'photos' | 'concurrency'): number {
  const value = Number(flags[name]);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} must be a whole number from 1.`);
  return value;
}

/** Two cores, one for each side of a measurement; undefined, with the reason, where nothing can be pinned to them. */
function coresToPin(): readonly [number, number] | undefined {
  const [first, second] = usable;
  if (first === undefined || second === undefined) throw new Error('The suite scale needs two cores.');
  if (hasTaskset()) return [first, second];
  progress(
    'taskset (of util-linux) is not on the PATH: NOTHING IS PINNED TO CORES, and all processes share all of them',
  );
  return undefined;
}

async function originals(): Promise<DistinctImages[]> {
  const files = await Promise.all(['astronaut.jpg', 'landscape.jpg'].map(photo));
  return files.map((file) => new DistinctImages(file, 'image/jpeg'));
}

async function makeLoads(): Promise<Load[]> {
  const tiny = sharp({ create: { width: 48, height: 48, channels: 3, background: '#468' } }).png();
  const large = sharp(await photo('landscape.jpg'))
    .resize(PHOTO_SIDE, PHOTO_SIDE, { fit: 'cover' })
    .jpeg({ quality: 90 });
  const small = { images: new DistinctImages(await tiny.toBuffer(), 'image/png'), count: jobs, query: smallQuery };
  const real = { images: new DistinctImages(await large.toBuffer(), 'image/jpeg'), count: photos, query: largeQuery };
  return [
    { ...small, name: 'jobs, small images', by: 'jobs' },
    { ...small, images: real.images, name: 'jobs, photos, small levels', by: 'jobs' },
    { ...small, name: 'batch as a tar, small images', by: 'tar' },
    { ...small, name: 'batch of URLs, small images', by: 'urls' },
    { ...real, name: 'jobs, photos, large archives', by: 'jobs' },
    { ...real, name: 'batch as a tar, photos, large archives', by: 'tar' },
  ];
}
