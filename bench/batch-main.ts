/**
 * A long batch on a bad day: a worker is killed on the way, and so is Redis. What is printed is whether every line was
 * accounted for once, and the most memory that each process ever held.
 *
 *     npm run bench -- batch [--lines 10000] [--size 128] [--model mask-rcnn-resnet18] [--levels C4,C5] [--json]
 *
 * Every thousandth line is not JSON. The images come from a server of this process, each another.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { formatTable } from '../src/cli/output.js';
import { followResults, manifest, serveImages } from './batch.js';
import { progress } from './progress.js';
import { peakMemoryMb, Service, startRedis } from './service.js';

const { values: flags } = parseArgs({
  allowPositionals: true,
  options: {
    lines: { type: 'string', default: '10000' },
    size: { type: 'string', default: '128' },
    model: { type: 'string', default: 'mask-rcnn-resnet18' },
    levels: { type: 'string', default: 'C4,C5' },
    json: { type: 'boolean', default: false },
  },
});
const lines = Number(flags.lines);
const BAD_EVERY = 1000;
/** Shares of the lines after which things go wrong. */
const KILL_WORKER_AT = 0.3;
const KILL_REDIS_AT = 0.6;
const REDIS_AWAY_MS = 2000;

const folder = await mkdtemp(join(tmpdir(), 'cairn-bench-'));
progress('starting Redis, the API and two workers');
const images = await serveImages(Number(flags.size));
let redis = await startRedis({ dataDir: join(folder, 'redis') });
const env = { REDIS_URL: redis.url, CAIRN_DATA_DIR: join(folder, 'data'), CAIRN_LOCK_DURATION_MS: '5000' };
const api = await Service.start('api', env);
const workers = [await Service.start('worker', env), await Service.start('worker', env)];
const peaks: [string, number][] = [];
const note = async (name: string, pid: number) => peaks.push([name, await peakMemoryMb(pid)]);

try {
  const begun = performance.now();
  const query = new URLSearchParams({ model: flags.model, size: flags.size, levels: flags.levels });
  const response = await fetch(`${api.url}/v1/batches?${query.toString()}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: manifest(images.url, lines, BAD_EVERY),
    duplex: 'half',
  });
  if (response.status !== 202) throw new Error(`${response.status}: ${await response.text()}`);
  const { id } = (await response.json()) as { id: string };
  const acceptedMs = performance.now() - begun;
  progress(`${lines} lines accepted`);

  let [workerKilled, redisKilled] = [false, false];
  let reported = 0;
  for (;;) {
    await delay(500);
    const done = await doneOf(id);
    if (done === undefined) continue;
    if (done >= reported + lines / 20) progress(`${(reported = done)} of ${lines} lines done`);
    if (!workerKilled && done >= KILL_WORKER_AT * lines) {
      workerKilled = true;
      progress('killing a worker');
      await note('worker, killed', workers[0]!.pid);
      await workers[0]!.end('SIGKILL');
      workers[0] = await Service.start('worker', env);
    }
    if (!redisKilled && done >= KILL_REDIS_AT * lines) {
      redisKilled = true;
      progress('killing Redis');
      await note('redis, killed', redis.pid);
      process.kill(redis.pid, 'SIGKILL');
      await redis.exited;
      await delay(REDIS_AWAY_MS);
      redis = await startRedis({ dataDir: join(folder, 'redis'), port: redis.port });
    }
    if (done === lines) break;
  }
  const wallMs = performance.now() - begun;
  progress('reading the results');
  const account = await followResults(`${api.url}/v1/batches/${id}/results`);
  await note('api', api.pid);
  for (const worker of workers) await note('worker', worker.pid);
  await note('redis', redis.pid);

  const result = {
    node: process.version,
    lines,
    acceptedMs,
    wallMs,
    linesPerSecond: (1000 * lines) / wallMs,
    workerKilled,
    redisKilled,
    ...account,
    missing: lines - account.distinct,
    peakMb: peaks,
  };
  if (flags.json) console.log(JSON.stringify(result));
  else {
    const { states, distinct, repeated, missing } = result;
    console.log(
      `${lines} lines accepted in ${(acceptedMs / 1000).toFixed(1)} s, done in ${(wallMs / 1000).toFixed(0)} s`,
    );
    console.log(`a worker was killed: ${workerKilled}; Redis was killed and came back: ${redisKilled}`);
    console.log(`results: ${JSON.stringify(states)}; lines ${distinct}, repeated ${repeated}, missing ${missing}`);
    console.log(
      formatTable(
        ['process', 'peak MB'],
        peaks.map(([name, mb]) => [name, Math.round(mb)]),
      ),
    );
  }
  if (account.repeated > 0 || result.missing > 0) process.exitCode = 1;
} finally {
  for (const service of [api, ...workers]) await service.end();
  await redis.stop();
  images.close();
  await rm(folder, { recursive: true, force: true });
}

/** Lines that are accounted for; undefined while Redis is away. */
async function doneOf(id: string): Promise<number | undefined> {
  const response = await fetch(`${api.url}/v1/batches/${id}`);
  if (!response.ok) return undefined;
  const { counts } = (await response.json()) as { counts: Record<'completed' | 'failed' | 'cancelled', number> };
  return counts.completed + counts.failed + counts.cancelled;
}
