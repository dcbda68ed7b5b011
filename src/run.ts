import { ConsoleLogger } from '@nestjs/common';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { ModelRegistry } from './spec/resolve.js';
import { Backbone } from './backbone/backbone.js';
import { listModels } from './backbone/catalogue.js';
import { defaultWeights } from './backbone/weights/default-weights.js';
import { isSeeded, weightsSource } from './backbone/weights/weights.js';
import { loadConfig, type Config } from './config/config.js';
import { readEnv, type Env } from './config/env.js';
import { softwareVersion } from './config/version.js';
import { asCairnError } from './errors.js';
import { Extractor } from './worker/extractor.js';
import { FEATURES_PREFIX } from './features/feature-set.js';
import { FileStore } from './features/store/file-store.js';
import type { Store } from './features/store/store.js';
import { loadZstd } from './formats/zstd.js';
import { BATCHES_PREFIX } from './batches/manifest/schema.js';
import { BatchQueue } from './batches/queue.js';
import { Announcements } from './announcements/announcements.js';
import { JobEvents } from './jobs/events.js';
import { JobQueue } from './jobs/queue.js';
import { IMAGES_PREFIX } from './images/image-source.js';
import { formatWorkerName } from './jobs/worker-name.js';
import { BatchWorker } from './batches/batch-worker.js';
import { Announcer } from './announcements/announcer.js';
import { ExtractProcessor } from './worker/processor.js';
import { JobWorker } from './worker/job-worker.js';
import { Supervisor, workerPerDevice } from './supervisor.js';

/** Beyond the time that jobs have to finish. */
const EXIT_GRACE_MS = 10_000;
/** Who keeps a process waits this much longer for it than that process waits for itself. */
const OUTLAST_MS = 2000;
const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));
const SWEEP_EVERY_MS = 10 * 60_000;
/** Longer than any batch is expected to run. */
const MANIFEST_TTL_MS = 30 * 24 * 3600_000;

/** Something that was started: stopped once, however often it is asked to. */
type Stop = () => Promise<void>;

/**
 * Starts what ROLE asks for and stops it on SIGTERM or SIGINT, the worker once its jobs are done. With
 * CAIRN_DEVICES the work is done by processes of their own, one a device, which this one keeps.
 */
export async function run(overrides: Record<string, string> = {}): Promise<void> {
  const env = { ...readEnv(), ...overrides };
  const config = loadConfig(env);
  const context = ['cairn', config.workerName].filter(Boolean).join(' ');
  const logger = new ConsoleLogger(context, { json: config.logJson, logLevels: ['log', 'warn', 'error', 'fatal'] });
  const store = new FileStore(config.dataDir);
  const supervises = config.role !== 'api' && config.devices.length > 0;
  const stops: Stop[] = [];

  let stopping: Promise<void> | undefined;
  const stopAll = (reason: string) => {
    stopping ??= (async () => {
      logger.log(`${reason}: finishing what runs`);
      // A download that crawls must not keep the process for ever.
      const graceMs = EXIT_GRACE_MS + (supervises ? 2 * OUTLAST_MS : 0);
      setTimeout(() => process.exit(1), config.worker.drainTimeoutMs + graceMs).unref();
      // In rounds, for what was only just starting.
      while (stops.length > 0) {
        const results = await Promise.allSettled(stops.splice(0).map((stop) => stop()));
        for (const { reason } of results.filter((result) => result.status === 'rejected')) {
          logger.error(asCairnError(reason).message);
        }
      }
      logger.log('stopped');
      // Everything is closed by now, but a connection in search of a Redis that is gone would keep the process.
      process.exit(0);
    })();
  };
  process.on('SIGTERM', stopAll).on('SIGINT', stopAll);
  if (config.workerName !== undefined) whenAbandoned(() => stopAll('the supervisor is gone'));

  // Who keeps this process has told it already.
  if (config.workerName === undefined) await tellWeights(config, logger);
  if (config.role !== 'worker') stops.push(await startApi(config, store, logger));
  if (supervises) stops.push(startSupervisor(config, env, logger));
  else if (config.role !== 'api') stops.push(await startWorker(config, store, logger));
}

/** Calls back when the process that started this one over a channel has ended, also when it has already. */
function whenAbandoned(callback: () => void): void {
  if ((process.connected as boolean | undefined) === false) callback();
  else process.once('disconnect', callback);
}

/** Says loudly which models would run on weights that nobody trained. */
async function tellWeights({ weightsDir }: Config, logger: ConsoleLogger): Promise<void> {
  let seeded = 0;
  for (const { name } of listModels()) {
    const source = weightsSource(await defaultWeights(name, weightsDir));
    if (isSeeded(source)) seeded++;
    else logger.log(`${name} runs on ${source}`);
  }
  if (seeded === 0) return;
  logger.warn(
    `${seeded} of ${listModels().length} models run on SEEDED weights: nothing was learned; ` +
      `put <model>.h5 into ${weightsDir} or use \`cairn weights pull\``,
  );
}

async function startApi(config: Config, store: Store, logger: ConsoleLogger): Promise<Stop> {
  // NestJS is loaded only where it serves.
  const { createServer } = await import('./api/server.js');
  const { http, redisUrl, queue: queueOptions, maxPixels, allowPrivateUrls } = config;
  const registry = new ModelRegistry(config.weightsDir);
  await registry.prepare();
  const queue = new JobQueue({ redisUrl, ...queueOptions });
  const events = new JobEvents(redisUrl, queueOptions.prefix);
  const announcements = new Announcements(redisUrl, queueOptions.prefix);
  const limits = { maxUploadBytes: http.maxUploadBytes, maxPixels, allowPrivateUrls };
  const batches = new BatchQueue(redisUrl, queueOptions.prefix);
  const parts = { store, zstd: await loadZstd(), queue, batches, events, announcements, registry, limits };
  const app = await createServer(parts, softwareVersion(), logger);
  await app.listen(http.port, http.host);
  logger.log(`listening on ${await app.getUrl()}`);
  return async () => {
    // Followers first: the server waits for answers that are under way, and theirs would not end.
    batches.stopFollowing();
    await Promise.all([events.close(), announcements.close()]);
    await app.close();
    await Promise.all([queue.close(), batches.close()]);
  };
}

function startSupervisor(config: Config, env: Env, log: ConsoleLogger): Stop {
  const supervisor = new Supervisor({
    command: [process.execPath, ...process.execArgv, MAIN],
    charges: workerPerDevice(config.devices, env),
    // A worker that hangs ends itself; one that cannot is killed.
    patienceMs: config.worker.drainTimeoutMs + EXIT_GRACE_MS + OUTLAST_MS,
    log,
  });
  supervisor.start();
  return () => supervisor.stop();
}

async function startWorker(config: Config, store: Store, logger: ConsoleLogger): Promise<Stop> {
  const backbone = new Backbone(config.backbone);
  const zstd = await loadZstd();
  const extractor = new Extractor({
    backbone,
    store,
    zstd,
    softwareVersion: softwareVersion(),
    maxPixels: config.maxPixels,
  });
  const processor = new ExtractProcessor({ extractor, store, weightsDir: config.weightsDir });
  const { redisUrl, worker: options, queue } = config;
  const target = await backbone.target();
  for (const reason of target.passedOver) logger.log(`not taken: ${reason}`);
  const name = formatWorkerName({ ...target, host: hostname(), pid: process.pid });
  const { prefix, limit: queueLimit } = queue;
  const { lockDurationMs } = options;
  const announcer = new Announcer({ redisUrl, prefix, length: config.streamLength });
  const batches = new BatchWorker(store, { redisUrl, prefix, queueLimit, lockDurationMs }, logger);
  const recorders = [batches.recorder, announcer];
  const worker = new JobWorker(processor, { name, redisUrl, prefix, ...options }, logger, recorders);
  const sweep = () => {
    const swept = [
      store.sweep(IMAGES_PREFIX, options.uploadTtlMs),
      store.sweep(FEATURES_PREFIX, Infinity),
      store.sweep(BATCHES_PREFIX, MANIFEST_TTL_MS),
    ];
    Promise.all(swept).catch((error: unknown) => logger.warn(`sweep: ${asCairnError(error).message}`));
  };
  sweep();
  const sweeper = setInterval(sweep, SWEEP_EVERY_MS);
  worker.start();
  batches.start();
  const together = config.backbone.maxBatch === 1 ? '' : `, in batches of up to ${config.backbone.maxBatch}`;
  logger.log(
    `working on jobs by ${target.engine} on ${target.device}, ${options.concurrency} at a time${together}, ` +
      `zstd by ${zstd.name}`,
  );
  return async () => {
    clearInterval(sweeper);
    await Promise.all([batches.stop(), worker.close()]);
    await Promise.all([batches.close(), announcer.close()]);
    await backbone.close();
  };
}
