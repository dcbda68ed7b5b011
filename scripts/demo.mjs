// The main job, for real, on one photo: HTTP → queue → worker → archive → download. It stops everything that it starts.
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { client } from './demo/client.mjs';
import { howToOpen, levelTable, mib, progressText, timingLine } from './demo/report.mjs';
import { endWithNpm } from './process/npm.mjs';
import { startService, untilAccepting } from './process/service.mjs';
import { onSignals } from './process/signals.mjs';
import { openRedis } from './redis.mjs';
import { readOptions } from './setup/options.mjs';
import { fail, setup } from './setup.mjs';

const USAGE = `npm run demo

Extracts the features of one photo through a private service, and leaves them in .cairn/demo.
`;
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

  const again = await api.submit(`/v1/jobs?${QUERY}`, image);
  if (again.status !== 200 || again.job.state !== 'completed' || again.job.features.id !== job.features.id) {
    throw new Error(`The repeated image was not served from the store: ${JSON.stringify(again)}`);
  }
  print(`\nThe same image again: 200, completed, served from the store in ${again.ms.toFixed(0)} ms.`);
  if (description.weights.startsWith('seeded')) {
    print(
      '\nThe weights are seeded: shapes, statistics and arithmetic are right, but nothing was trained. ' +
        'To use trained weights, put mask-rcnn-resnet50.h5 into .cairn/weights.',
    );
  }
  print(`\nDone: ${tensors.length} levels of one image, computed, stored and read back.`);
}

async function serve(redis, folder, signal, cleanUp) {
  const log = createWriteStream(join(RESULTS, 'service.log'));
  const service = startService({
    env: {
      ...process.env,
      NO_COLOR: '1',
      ROLE: 'all',
      HOST: '127.0.0.1',
      PORT: '0',
      REDIS_URL: redis.url,
      // A queue of its own, because REDIS_URL may name a shared Redis.
      CAIRN_QUEUE_PREFIX: `cairn-demo-${process.pid}`,
      // An empty store: the first answer has to be computed.
      CAIRN_DATA_DIR: join(folder, 'data'),
      CAIRN_DRAIN_TIMEOUT_MS: '5000',
    },
    stdout: log,
    stderr: log,
    keep: 8_000,
  });
  cleanUp.push(() => service.stop());
  try {
    await service.ready({ signal });
    await untilAccepting(service.url, { signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Error(`${error.message}\nThe end of its log:\n${service.log()}`);
  }
  return service;
}

/** Submits the photo, follows the job's events, and resolves with the completed job. */
async function extract(api, image) {
  print(`\nPOST /v1/jobs?${decodeURIComponent(QUERY)}  (${shown(IMAGE)}, ${image.length} bytes)`);
  const started = performance.now();
  const { status, location, job } = await api.submit(`/v1/jobs?${QUERY}`, image);
  if (status !== 202 || !location) throw new Error(`Expected 202 and a Location, got ${status} ${location}`);
  print(`  202, job ${job.id}; following ${job.links.events}`);

  let last;
  for await (const now of api.events(job.links.events)) {
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

/** Downloads the archive and the wire form, checks them, and prints their contents. */
async function fetchFeatures(api, job, description) {
  const archive = join(RESULTS, 'astronaut.zarr.zip');
  const wire = join(RESULTS, 'astronaut.safetensors');
  const archiveMs = await api.download(job.links.archive, archive);
  const wireMs = await api.download(job.links.safetensors, wire);

  const tensors = await summarise(wire);
  for (const [name, shape] of Object.entries(SHAPES)) check(tensors, name, shape);
  const { model, weights, engine, device } = description;
  print(`\n${model}, ${weights} weights, ${engine} on ${device}:\n${levelTable(tensors, description)}`);

  const packed = (await stat(archive)).size;
  const raw = tensors.reduce((sum, { bytes }) => sum + bytes, 0);
  const ratio = (bytes) => (bytes / packed).toFixed(2);
  const savings = `${ratio(raw)}× below float16, ${ratio(raw * 2)}× below float32`;
  print(`\n${shown(archive)}: ${mib(packed)} MiB, ${savings} (downloaded in ${archiveMs.toFixed(0)} ms)`);
  print(`${shown(wire)}: ${mib(raw)} MiB (streamed in ${wireMs.toFixed(0)} ms)`);
  print(`\nOpen the archive with:\n${howToOpen(archive, 'C2')}`);
  return tensors;
}

/** Shape and statistics of each tensor of a safetensors file. */
async function summarise(file) {
  // Setup has built it by now.
  const { openSafetensorsFile } = await import('../dist/src/backbone/weights/safetensors-file.js');
  const reader = await openSafetensorsFile(file);
  const tensors = [];
  try {
    for (const entry of reader.entries()) {
      let [sum, squares, zeros] = [0, 0, 0];
      const values = await reader.read(entry);
      for (const value of values) {
        sum += value;
        squares += value * value;
        if (value === 0) zeros++;
      }
      const mean = sum / values.length;
      const std = Math.sqrt(Math.max(0, squares / values.length - mean * mean));
      const bytes = values.length * 2;
      tensors.push({ name: entry.path, shape: entry.shape, bytes, mean, std, zeros: zeros / values.length });
    }
  } finally {
    await reader.close();
  }
  return tensors;
}

/** Throws where a level is missing, misshapen, constant or not finite. */
function check(tensors, name, shape) {
  const tensor = tensors.find((candidate) => candidate.name === name);
  if (!tensor) throw new Error(`Level ${name} is missing from the answer.`);
  if (tensor.shape.join() !== shape.join()) {
    throw new Error(`${name} is ${tensor.shape.join('×')}; expected ${shape.join('×')}.`);
  }
  if (!Number.isFinite(tensor.std) || tensor.std === 0) {
    throw new Error(`${name} holds no features: mean ${tensor.mean}, std ${tensor.std}.`);
  }
}

function shown(path) {
  return relative(process.cwd(), path) || path;
}

/** Runs the demo within a time limit, and stops everything that it started, in reverse order, also after Ctrl-C. */
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

try {
  if (readOptions(USAGE)) {
    endWithNpm();
    await main();
  }
} catch (error) {
  fail(error);
}
