import { hostname } from 'node:os';
import { Announcer } from '../announcements/announcer.js';
import { Backbone, type BackboneOptions } from '../backbone/backbone.js';
import { Decoder } from '../backbone/preprocess/decoder.js';
import { BatchWorker } from '../batches/batch-worker.js';
import { BatchLedger } from '../batches/ledger.js';
import { type Config } from '../config/config.js';
import { softwareVersion } from '../config/version.js';
import { FeatureLibrary } from '../features/library.js';
import { loadZstd } from '../formats/zstd.js';
import { extractQueue } from '../jobs/extract-queue.js';
import { OwnedJobs } from '../jobs/owned-jobs.js';
import { formatWorkerName } from '../jobs/queue.js';
import type { OutcomeRecorder } from '../jobs/payload.js';
import { ImageFetcher } from '../images/fetch.js';
import { ImageIntake } from '../images/intake.js';
import { serveMetrics } from '../metrics/metrics-server.js';
import { closeWithin, FAIL_FAST_MS, RedisConnections } from '../redis/connections.js';
import { redisKeys } from '../redis/keys.js';
import { Claims } from '../worker/claims.js';
import { Downloads } from '../worker/downloads.js';
import { Extractor, type LevelSource } from '../worker/extractor.js';
import { JobWorker } from '../worker/job-worker.js';
import { showLiveness } from '../worker/liveness.js';
import { ExtractProcessor } from '../worker/processor.js';
import type { Shared, Stop } from './shared.js';
import { keepSwept } from './sweeping.js';

/** Threads of the engine that hang, at which a worker ends itself: the next process has its device and memory anew. */
export const MAX_HUNG_THREADS = 2;

/** What a worker needs of its backbone. */
export type WorkerBackbone = LevelSource & Pick<Backbone, 'target' | 'close'> & Partial<Pick<Backbone, 'unended'>>;
export type MakeBackbone = (options: BackboneOptions) => WorkerBackbone;

export async function startWorker(
  config: Config,
  backbone: WorkerBackbone,
  { store, quarantine, health, metrics, logger }: Shared,
  stops: Stop[],
): Promise<void> {
  const zstd = await loadZstd();
  const { weightsDir, worker: options, urls } = config;
  const decoder = new Decoder(config.decode, config.decoder);
  const extractor = new Extractor({ backbone, store, zstd, softwareVersion: softwareVersion(), decoder });
  const library = new FeatureLibrary(store, zstd, quarantine);
  const fetcher = new ImageFetcher(urls.policy, urls.limits);
  const intake = new ImageIntake(store, config.intake);
  const target = await backbone.target().catch(async (error: unknown) => {
    await backbone.close();
    throw error;
  });
  for (const reason of target.skipped) logger.log(`not taken: ${reason}`);

  const connections = new RedisConnections(config.redisUrl, logger);
  const keys = redisKeys(config.queue.prefix);
  const { limit: queueLimit, prefix } = config.queue;
  const { lockDurationMs } = options;
  const redis = connections.patient();
  const queue = extractQueue(redis, prefix);
  const downloads = new Downloads({ intake, fetcher, shared: { redis, keys } }, urls.downloads);
  const claims = new Claims(redis, keys, async (jobId) => (await queue.getJob(jobId))?.promote());
  const processor = new ExtractProcessor(
    { extractor, store, library, quarantine, weightsDir, downloads, claims },
    config.spec,
  );
  const ledger = new BatchLedger(redis, keys);
  const owned = new OwnedJobs(redis, keys.usage, queue);
  const announcer = new Announcer({ redis, keys, queue, length: config.streamLength });
  const batches = new BatchWorker({ redis, prefix, ledger, store, health, queue, lockDurationMs, queueLimit }, logger);
  const failures: OutcomeRecorder = {
    record: (outcome) => {
      if (outcome.state === 'failed') metrics.jobFailed(outcome.error.code);
      return Promise.resolve();
    },
  };
  const worker = new JobWorker(
    {
      process: (payload, signal, onStage, jobId) => processor.process(payload, signal, onStage, jobId),
      ...{ redis, subscriber: connections.patient(), keys, health, log: logger },
      recorders: [ledger, announcer, failures, owned],
    },
    { name: formatWorkerName({ ...target, host: hostname(), pid: process.pid }), ...options },
  );

  metrics.add({
    name: 'worker_jobs',
    help: 'Jobs that this worker runs.',
    limit: options.concurrency,
    inUse: () => worker.runs,
  });
  metrics.add({
    name: 'worker_hung_threads',
    help: 'Threads of the engine that hang; at the limit the worker ends itself.',
    limit: MAX_HUNG_THREADS,
    inUse: () => backbone.unended ?? 0,
  });
  metrics.add({
    name: 'worker_downloads',
    help: 'Images that this worker downloads.',
    limit: urls.downloads.concurrency,
    inUse: () => downloads.inUse,
  });

  const stopSweeping = keepSwept(store, options.uploadTtlMs, logger);
  decoder.start();
  worker.start();
  batches.start();
  const { livenessFile } = config;
  const sound = () => (backbone.unended ?? 0) === 0;
  const stopShowing = livenessFile === undefined ? undefined : showLiveness(livenessFile, sound, logger);
  stops.push(async () => {
    stopSweeping();
    await stopShowing?.();
    await Promise.all([batches.stop(), worker.close()]);
    await closeWithin(FAIL_FAST_MS, queue.close());
    connections.close();
    await Promise.all([decoder.close(), backbone.close()]);
  });
  const together = config.backbone.maxBatch === 1 ? '' : `, in batches of up to ${config.backbone.maxBatch}`;
  logger.log(
    `working on jobs by ${target.engine} on ${target.device}, ${options.concurrency} at a time${together}, ` +
      `zstd by ${zstd.name}`,
  );
}

/** A worker without an API serves its metrics where it is told to. */
export async function startMetrics(
  { http, metricsPort }: Config,
  { metrics, logger }: Shared,
  sound: () => boolean,
  stops: Stop[],
): Promise<void> {
  if (metricsPort === undefined) return;
  const server = await serveMetrics(metrics, metricsPort, http.host, sound);
  stops.push(() => server.close());
  logger.log(`metrics at ${server.url}/metrics`);
}
