import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Announcements } from './announcements/announcements.js';
import { Announcer } from './announcements/announcer.js';
import { Backbone, type BackboneOptions } from './backbone/backbone.js';
import { listModels } from './backbone/catalogue.js';
import { Decoder } from './backbone/preprocess/decoder.js';
import { defaultWeights } from './backbone/weights/default-weights.js';
import { publishedFor } from './backbone/weights/published.js';
import { isSeeded, weightsSource } from './backbone/weights/weights.js';
import { BatchWorker } from './batches/batch-worker.js';
import { BatchLedger } from './batches/ledger.js';
import { BATCHES_PREFIX } from './batches/manifest.js';
import { BatchQueue } from './batches/queue.js';
import { loadConfig, type Config } from './config/config.js';
import { demandAuth } from './config/auth.js';
import { readEnv, type Env } from './config/env.js';
import { softwareVersion } from './config/version.js';
import { asCairnError, CairnError } from './errors.js';
import { FEATURES_PREFIX } from './features/feature-set.js';
import type { GrpcServer } from './api/grpc/grpc-server.js';
import { FeatureLibrary } from './features/library.js';
import { openStore, type OpenStore } from './features/store/open-store.js';
import { Quarantine } from './features/store/quarantine.js';
import { StoreHealth } from './features/store/store-health.js';
import { quarantineKey } from './features/store/store.js';
import { loadZstd } from './formats/zstd.js';
import { JobEvents } from './jobs/events.js';
import { extractQueue, onCancellation } from './jobs/extract-queue.js';
import { OwnedJobs } from './jobs/owned-jobs.js';
import { formatWorkerName, JobQueue } from './jobs/queue.js';
import type { OutcomeRecorder } from './jobs/payload.js';
import { ImageFetcher } from './images/fetch.js';
import { IMAGES_PREFIX } from './images/image-source.js';
import { ImageIntake } from './images/intake.js';
import { KeyRing } from './keys/key-ring.js';
import { Logger } from './logger.js';
import { serveMetrics } from './metrics/metrics-server.js';
import { ProcessMetrics } from './metrics/process-metrics.js';
import { closeWithin, FAIL_FAST_MS, RedisConnections } from './redis/connections.js';
import { warnOfLosses } from './redis/durability.js';
import { redisKeys } from './redis/keys.js';
import { DEAD_AFTER_MS } from './redis/stream-tail.js';
import { chooseDefaultModel, defaultModel, RECOMMENDED_MODEL, useDefaultModel } from './spec/default-model.js';
import { ModelRegistry } from './spec/resolve.js';
import { Supervisor, workerPerDevice } from './supervisor.js';
import { Claims } from './worker/claims.js';
import { Downloads } from './worker/downloads.js';
import { Extractor, type LevelSource } from './worker/extractor.js';
import { JobWorker } from './worker/job-worker.js';
import { showLiveness } from './worker/liveness.js';
import { ExtractProcessor } from './worker/processor.js';

/** Threads of the engine that hang, at which a worker ends itself: the next process has its device and memory anew. */
const MAX_HUNG_THREADS = 2;
/** Beyond the time that jobs have to finish. */
const EXIT_GRACE_MS = 10_000;
/** The supervisor's timeout exceeds the child's own by this margin. */
const SUPERVISOR_MARGIN_MS = 2000;
/** How long gRPC calls that are under way may take when the server stops. */
const GRPC_GRACE_MS = 10_000;
const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));
const SWEEP_EVERY_MS = 10 * 60_000;
/** How long a damaged object can be looked at. */
const QUARANTINE_TTL_MS = 30 * 24 * 3600_000;
/** Longer than any batch is expected to run. */
const MANIFEST_TTL_MS = 30 * 24 * 3600_000;

/** Stops something that was started; called once. */
type Stop = () => Promise<void>;

/** What API and worker of one process share. */
interface Shared {
  readonly store: OpenStore;
  readonly quarantine: Quarantine;
  readonly health: StoreHealth;
  readonly metrics: ProcessMetrics;
  readonly logger: Logger;
}

/** What a worker needs of its backbone. */
export type WorkerBackbone = LevelSource & Pick<Backbone, 'target' | 'close'> & Partial<Pick<Backbone, 'unended'>>;
export type MakeBackbone = (options: BackboneOptions) => WorkerBackbone;

/**
 * Starts what ROLE asks for and stops it on SIGTERM or SIGINT, the worker once its jobs are done. With CAIRN_DEVICES the jobs
 * are done by child processes, one per device, which this process supervises.
 *
 * `makeBackbone` makes the backbone of a worker in this process; benchmarks replace it.
 *
 * @throws CairnError when something does not start; what had started is stopped then.
 */
export async function run(
  overrides: Record<string, string> = {},
  makeBackbone: MakeBackbone = (options) => new Backbone(options),
): Promise<void> {
  const env = { ...readEnv(), ...overrides };
  const config = loadConfig(env);
  if (config.role !== 'worker') demandAuth(config);
  const logger = new Logger({
    context: ['cairn', config.workerName].filter(Boolean).join(' '),
    json: config.logJson,
    colors: process.stdout.isTTY && env['NO_COLOR'] === undefined,
  });
  const shared = await share(config, logger);
  const supervises = config.role !== 'api' && config.devices.length > 0;
  const stops: Stop[] = [];

  let backbone: WorkerBackbone | undefined;
  const exit = (status: number) => {
    // A process that exits waits for its threads, and those that hang in a native library do not end.
    if ((backbone?.unended ?? 0) > 0) process.kill(process.pid, 'SIGKILL');
    process.exit(status);
  };
  let stopping: Promise<void> | undefined;
  const stopAll = (reason: string, status = 0) => {
    stopping ??= (async () => {
      logger.log(`${reason}: finishing running jobs`);
      // A slow download must not keep the process alive.
      const graceMs = EXIT_GRACE_MS + (supervises ? 2 * SUPERVISOR_MARGIN_MS : 0);
      setTimeout(() => exit(1), config.worker.drainTimeoutMs + graceMs).unref();
      await stopEach(stops, logger);
      logger.log('stopped');
      // Everything is closed by now, but a connection that still looks for its Redis would keep the process alive.
      exit(status);
    })();
  };
  process.on('SIGTERM', () => stopAll('SIGTERM')).on('SIGINT', () => stopAll('SIGINT'));
  const onHang = (unended: number) => {
    logger.error(`the engine hangs: its thread is replaced, and its sessions are compiled again`);
    if (unended >= MAX_HUNG_THREADS) stopAll(`${unended} threads of the engine hang`, 1);
  };
  if (config.workerName !== undefined) whenAbandoned(() => stopAll('the supervisor is gone'));

  try {
    // Under a supervisor, the supervisor has logged this already.
    if (config.workerName === undefined) {
      useDefaultModel(await chooseDefaultModel(config.defaultModel, config.weightsDir));
      await logWeights(config, logger);
    }
    if (config.role !== 'worker') await startApi(config, shared, stops);
    if (supervises) stops.push(startSupervisor(config, env, logger));
    else if (config.role !== 'api') {
      // Another process may have the device back: the supervisor, or what runs the container, starts one.
      const onDeviceLost = (reason: string) => {
        logger.error(reason);
        stopAll('the device is lost', 1);
      };
      backbone = makeBackbone({ ...config.backbone, onHang, onDeviceLost });
      await startWorker(config, backbone, shared, stops);
    }
    if (config.role === 'worker' && !supervises)
      await startMetrics(config, shared, () => (backbone?.unended ?? 0) === 0, stops);
  } catch (error) {
    await stopEach(stops, logger);
    throw error;
  }
}

async function share(config: Config, logger: Logger): Promise<Shared> {
  const store = await openStore(config.store);
  const quarantine = new Quarantine(store, logger);
  const health = new StoreHealth(store, { role: config.role === 'worker' ? 'user' : 'owner', log: logger });
  return { store, quarantine, health, metrics: new ProcessMetrics(quarantine), logger };
}

/** Stops everything, in rounds: parts that were just starting may have been added meanwhile. */
async function stopEach(stops: Stop[], logger: Logger): Promise<void> {
  while (stops.length > 0) {
    const results = await Promise.allSettled(stops.splice(0).map((stop) => stop()));
    for (const { reason } of results.filter((result) => result.status === 'rejected')) {
      logger.error(asCairnError(reason).message);
    }
  }
}

/** Calls back when the parent process, connected by an IPC channel, has ended, even if before this call. */
function whenAbandoned(callback: () => void): void {
  if ((process.connected as boolean | undefined) === false) callback();
  else process.once('disconnect', callback);
}

/** Logs which weights the models use, with a warning where they are not trained. */
async function logWeights({ weightsDir }: Config, logger: Logger): Promise<void> {
  let seeded = 0;
  for (const { name } of listModels()) {
    const source = weightsSource(await defaultWeights(name, weightsDir));
    if (isSeeded(source)) seeded++;
    else logger.log(`${name} runs on ${source}`);
  }
  const model = defaultModel();
  const source = weightsSource(await defaultWeights(model, weightsDir));
  logger.log(
    `requests that name no model run ${model} on ${source}; ${seeded} of ${listModels().length} models are seeded`,
  );
  if (!isSeeded(source)) return;
  const [published] = publishedFor(RECOMMENDED_MODEL);
  logger.warn(
    `SEEDED weights have learned nothing: \`npm run cairn -- weights pull ${published!.name}\` gets a detector's, which are ` +
      'the default after a restart, and docs/weights.md says how to use your own',
  );
}

async function startApi(config: Config, shared: Shared, stops: Stop[]): Promise<void> {
  const { health, logger } = shared;
  // NestJS is loaded only by a process that serves HTTP.
  const { createServer } = await import('./api/server.js');
  const { http, queue: queueOptions } = config;
  const ring = await openKeys(config, logger);
  if (ring) {
    stops.push(() => {
      ring.close();
      return Promise.resolve();
    });
  }
  const registry = new ModelRegistry(config.weightsDir);
  await registry.prepare();
  const zstd = await loadZstd();

  const connections = new RedisConnections(config.redisUrl, logger);
  const keys = redisKeys(queueOptions.prefix);
  const redis = connections.failFast();
  warnOfLosses(redis, logger);
  const jobs = extractQueue(redis, keys.prefix);
  const queue = new JobQueue({ redis, queue: jobs, keys: keys, limit: queueOptions.limit });
  const events = new JobEvents(connections.patient(), keys.prefix);
  const blocking = connections.blocking(DEAD_AFTER_MS);
  const announcements = new Announcements({ redis, blocking, keys, groupIdleMs: config.groupIdleMs });
  const batches = new BatchQueue({ redis, keys, jobs, maxOpen: config.batches.maxOpen });

  const limits = { ...config.intake, ...config.spec, ...config.batches };
  await health.problem();
  // A job that is cancelled through another server has followers here too.
  onCancellation(connections.patient(), keys, (id) => events.announce(id)).catch(() => undefined);
  const parts = {
    ...shared,
    zstd,
    queue,
    batches,
    events,
    announcements,
    registry,
    limits,
    http: http.limits,
    access: ring && { ring, redis, usage: keys.usage },
    redirect: config.storeRedirect,
  };
  const app = await createServer(parts, softwareVersion(), logger).catch((error: unknown) => {
    connections.close();
    throw error;
  });
  let grpc: GrpcServer | undefined;
  stops.push(async () => {
    // Followers first: the server waits for responses in progress, and theirs would not end.
    batches.stopFollowing();
    await Promise.all([events.close(), announcements.close()]);
    await Promise.all([app.close(), grpc?.close(GRPC_GRACE_MS)]);
    await Promise.all([batches.close(), closeWithin(FAIL_FAST_MS, jobs.close())]);
    connections.close();
  });
  await app.listen(http.port, http.host).catch((error: unknown) => {
    throw cannotListen(http, error as NodeJS.ErrnoException);
  });
  if (config.grpc) {
    const { grpcServerFor } = await import('./api/grpc/grpc-server.js');
    grpc = await grpcServerFor(app, parts, config.grpc);
    logger.log(`gRPC on ${grpc.address}`);
  }
  logger.log(`listening on ${await app.getUrl()}`);
}

/** Undefined where everybody may do everything. @throws CairnError `option-invalid`. */
async function openKeys({ auth, http }: Config, logger: Logger): Promise<KeyRing | undefined> {
  if (auth.keysFile !== undefined) {
    if (auth.off) logger.warn('CAIRN_AUTH=off counts for nothing beside CAIRN_API_KEYS_FILE: keys are asked for');
    return KeyRing.open(auth.keysFile, logger);
  }
  if (auth.off) logger.warn(`CAIRN_AUTH=off: everybody who reaches ${http.host}:${http.port} may do everything`);
  return undefined;
}

function cannotListen({ host, port }: Config['http'], error: NodeJS.ErrnoException): Error {
  if (error.code === 'EADDRINUSE') return new CairnError('option-invalid', `Port ${port} on ${host} is in use.`);
  if (error.syscall === undefined) return error;
  return new CairnError('option-invalid', `Cannot listen on port ${port} of ${host}: ${error.code}.`, { cause: error });
}

/** A worker without an API serves its metrics where it is told to. */
async function startMetrics(
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

function startSupervisor(config: Config, env: Env, log: Logger): Stop {
  const supervisor = new Supervisor({
    command: [process.execPath, ...process.execArgv, MAIN],
    children: workerPerDevice(config.devices, env),
    // A worker that hangs ends itself; one that cannot is killed.
    killAfterMs: config.worker.drainTimeoutMs + EXIT_GRACE_MS + SUPERVISOR_MARGIN_MS,
    log,
  });
  supervisor.start();
  return () => supervisor.stop();
}

async function startWorker(
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

  const sweep = () => {
    const swept = [
      store.sweep(IMAGES_PREFIX, options.uploadTtlMs),
      store.sweep(FEATURES_PREFIX, Infinity),
      store.sweep(BATCHES_PREFIX, MANIFEST_TTL_MS),
      store.sweep(quarantineKey(FEATURES_PREFIX), QUARANTINE_TTL_MS),
      store.sweep(quarantineKey(IMAGES_PREFIX), QUARANTINE_TTL_MS),
    ];
    Promise.all(swept).catch((error: unknown) => logger.warn(`sweep: ${asCairnError(error).message}`));
  };
  sweep();
  const sweeper = setInterval(sweep, SWEEP_EVERY_MS);
  decoder.start();
  worker.start();
  batches.start();
  const { livenessFile } = config;
  const sound = () => (backbone.unended ?? 0) === 0;
  const stopShowing = livenessFile === undefined ? undefined : showLiveness(livenessFile, sound, logger);
  stops.push(async () => {
    clearInterval(sweeper);
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
