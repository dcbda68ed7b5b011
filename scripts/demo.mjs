// The main job, for real, on one photo: HTTP → queue → worker → archive → download. Everything it starts, it stops.
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { client } from './demo/client.mjs';
import { howToOpen, levelTable, mib, progressText, timingLine } from './demo/report.mjs';
import { summarise } from './demo/safetensors.mjs';
import { unusedPort } from './process/ports.mjs';
import { startService } from './process/service.mjs';
import { onSignals } from './process/signals.mjs';
import { openRedis } from './redis.mjs';
import { fail, setup } from './setup.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const IMAGE = join(ROOT, 'test/fixtures/images/astronaut.jpg');
const RESULTS = join(ROOT, '.cairn/demo');
const TIME_LIMIT_MS = 10 * 60_000;
const QUERY = new URLSearchParams({ model: 'mask-rcnn-resnet50', levels: 'C2,C3,C4,C5', dtype: 'float16' });
const SHAPES = { C2: [256, 256, 256], C3: [128, 128, 512], C4: [64, 64, 1024], C5: [32, 32, 2048] };
const FINAL = ['completed', 'failed', 'cancelled'];

const print = (text = '') => process.stdout.write(`${text}\n`);

async function demo(signal, cleanUp) {
  const folder = await mkdtemp(join(tmpdir(), 'cairn-demo-'));
  cleanUp.push(() => rm(folder, { recursive: true, force: true }));
  await mkdir(RESULTS, { recursive: true });

  const redis = await openRedis({ dataDir: join(folder, 'redis') });
  cleanUp.push(() => redis.stop());
  signal.throwIfAborted();
  const service = await serve(redis, folder, signal, cleanUp);
  const api = client(service.url, signal);
  print(`Cairn listens on ${service.url}; its log is ${shown(join(RESULTS, 'service.log'))}`);

  const image = await readFile(IMAGE);
  const job = await extract(api, image);
  const description = await api.json(job.features.href);
  const tensors = await fetchFeatures(api, job, description);

  const again = await submit(api, image);
  if (again.status !== 200 || again.job.state !== 'completed' || again.job.features.id !== job.features.id) {
    throw new Error(`The same image again was not answered from the store: ${JSON.stringify(again)}`);
  }
  print(`\nThe same image again: 200, completed, from the store, in ${again.ms.toFixed(0)} ms.`);
  if (description.weights.startsWith('seeded')) {
    print(
      '\nThe weights are seeded: the right shapes, statistics and arithmetic, but nothing trained. ' +
        'Put a mask-rcnn-resnet50.h5 into .cairn/weights and it is used.',
    );
  }
  print(`\nDone: ${tensors.length} levels of one image, computed, stored and read back.`);
}

async function serve(redis, folder, signal, cleanUp) {
  const service = startService({
    logFile: join(RESULTS, 'service.log'),
    env: {
      ROLE: 'all',
      HOST: '127.0.0.1',
      PORT: String(await unusedPort()),
      REDIS_URL: redis.url,
      // A queue of its own, where REDIS_URL is a Redis that others use too.
      CAIRN_QUEUE_PREFIX: `cairn-demo-${process.pid}`,
      // A fresh store, so that the first answer is computed and not remembered.
      CAIRN_DATA_DIR: join(folder, 'data'),
      CAIRN_DRAIN_TIMEOUT_MS: '5000',
    },
  });
  cleanUp.push(() => service.stop());
  await service.ready({ signal }).catch((error) => {
    if (signal.aborted) throw error;
    throw new Error(`${error.message}\nThe end of its log:\n${service.tail()}`);
  });
  return service;
}

async function submit(api, image) {
  const started = performance.now();
  const answer = await api.submit(`/v1/jobs?${QUERY}`, image, 'image/jpeg');
  return { ...answer, ms: performance.now() - started };
}

/** Submits the photo, follows the job's events, and resolves with the completed job. */
async function extract(api, image) {
  print(`\nPOST /v1/jobs?${decodeURIComponent(QUERY)}  (${shown(IMAGE)}, ${image.length} bytes)`);
  const started = performance.now();
  const { status, location, job } = await submit(api, image);
  if (status !== 202 || !location) throw new Error(`Expected 202 and a Location, got ${status} ${location}`);
  print(`  202, job ${job.id}; following ${job.links.events}`);

  let last;
  for await (const { event, data } of api.events(job.links.events)) {
    if (event !== 'state' && event !== 'progress') continue;
    const now = JSON.parse(data);
    const text = progressText(now);
    if (text !== last) print(`  ${((performance.now() - started) / 1000).toFixed(2)} s  ${text}`);
    last = text;
    if (FINAL.includes(now.state)) break;
  }
  const finished = await api.json(location);
  if (finished.state !== 'completed') {
    throw new Error(`The job is ${finished.state}: ${finished.error?.message ?? 'no reason given'}`);
  }
  print(`  ${timingLine(finished.timings)}`);
  return finished;
}

/** Downloads the archive and the wire form, checks them, and prints what they hold. */
async function fetchFeatures(api, job, description) {
  const archive = await api.download(job.links.archive, join(RESULTS, 'astronaut.zarr.zip'));
  const wire = await api.download(job.links.safetensors, join(RESULTS, 'astronaut.safetensors'));

  const tensors = await summarise(wire.file);
  for (const [name, shape] of Object.entries(SHAPES)) check(tensors, name, shape);
  const { model, weights, engine, device } = description;
  print(`\n${model}, ${weights} weights, ${engine} on ${device}:\n${levelTable(tensors, description)}`);

  const packed = (await stat(archive.file)).size;
  const raw = tensors.reduce((sum, { bytes }) => sum + bytes, 0);
  const ratio = (bytes) => (bytes / packed).toFixed(2);
  const of = `${ratio(raw)}× below float16, ${ratio(raw * 2)}× below float32`;
  print(`\n${shown(archive.file)}: ${mib(packed)} MiB, ${of} (downloaded in ${archive.ms.toFixed(0)} ms)`);
  print(`${shown(wire.file)}: ${mib(raw)} MiB (streamed in ${wire.ms.toFixed(0)} ms)`);
  print(`\nOpen the archive with:\n${howToOpen(archive.file, 'C2')}`);
  return tensors;
}

/** A level that is missing, misshapen, constant or not finite is no result. */
function check(tensors, name, shape) {
  const tensor = tensors.find((candidate) => candidate.name === name);
  if (!tensor) throw new Error(`Level ${name} is missing from the answer.`);
  if (tensor.shape.join() !== shape.join()) {
    throw new Error(`${name} is ${tensor.shape.join('×')}; expected ${shape.join('×')}.`);
  }
  if (!tensor.finite || !(tensor.std > 0)) {
    throw new Error(`${name} holds no features: mean ${tensor.mean}, std ${tensor.std}.`);
  }
}

function shown(path) {
  return relative(process.cwd(), path) || path;
}

/** Runs the demo under a time limit and Ctrl-C, and stops what it started, the last one first. */
async function main() {
  await setup();
  const abort = new AbortController();
  const offSignals = onSignals((name, count) => {
    if (count > 1) process.exit(1);
    abort.abort(new Error(`Stopped by ${name}.`));
  });
  const limit = setTimeout(() => {
    abort.abort(new Error(`The demo took longer than ${TIME_LIMIT_MS / 60_000} minutes.`));
  }, TIME_LIMIT_MS);
  const cleanUp = [];
  try {
    await demo(abort.signal, cleanUp);
  } catch (error) {
    throw abort.signal.aborted ? abort.signal.reason : error;
  } finally {
    clearTimeout(limit);
    for (const stop of cleanUp.reverse()) await stop().catch(fail);
    offSignals();
  }
}

await main().catch(fail);
