import { Announcements } from '../announcements/announcements.js';
import { BatchQueue } from '../batches/queue.js';
import { type Config } from '../config/config.js';
import { softwareVersion } from '../config/version.js';
import { CairnError } from '../errors.js';
import type { GrpcServer } from '../api/grpc/grpc-server.js';
import { loadZstd } from '../formats/zstd.js';
import { JobEvents } from '../jobs/events.js';
import { extractQueue, onCancellation } from '../jobs/extract-queue.js';
import { JobQueue } from '../jobs/queue.js';
import { KeyRing } from '../keys/key-ring.js';
import { Logger } from '../logger.js';
import { closeWithin, FAIL_FAST_MS, RedisConnections } from '../redis/connections.js';
import { warnOfLosses } from '../redis/durability.js';
import { redisKeys } from '../redis/keys.js';
import { DEAD_AFTER_MS } from '../redis/stream-tail.js';
import { ModelRegistry } from '../spec/resolve.js';
import type { Shared, Stop } from './shared.js';

/** How long gRPC calls that are under way may take when the server stops. */
const GRPC_GRACE_MS = 10_000;

export async function startApi(config: Config, shared: Shared, stops: Stop[]): Promise<void> {
  const { health, logger } = shared;
  // NestJS is loaded only by a process that serves HTTP.
  const { createServer } = await import('../api/server.js');
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
    const { grpcServerFor } = await import('../api/grpc/grpc-server.js');
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
