import { z } from 'zod';
import { DEFAULT_MAX_PIXELS } from '../backbone/preprocess/decode.js';
import { CairnError } from '../errors.js';
import type { Env } from './env.js';
import { httpLimits, httpSchema, LOOPBACK_HOSTS } from './http-limits.js';
import { count, MIB } from './values.js';

const HOUR_MS = 3600_000;

const flag = (fallback: 'true' | 'false') =>
  z
    .enum(['true', 'false'])
    .default(fallback)
    .transform((value) => value === 'true');

/** As CUDA accepts them: an index, or the UUID (or a prefix of one) of a GPU or of a MIG slice. */
const DEVICE = /^(0|[1-9]\d{0,2}|GPU-[0-9a-f][0-9a-f-]*|MIG-(GPU-)?[0-9a-f][0-9a-f-]*(\/\d{1,3}){0,2})$/i;

/** A comma-separated list. */
const devices = z
  .string()
  .transform((value) => value.split(',').map((entry) => entry.trim()))
  .superRefine((entries, context) => {
    const problem = (message: string) => context.addIssue({ code: 'custom', message });
    for (const entry of entries) {
      if (!DEVICE.test(entry)) problem(`"${entry}" is neither an index nor an id that begins with GPU- or MIG-`);
    }
    const distinct = new Set(entries.map((entry) => entry.toLowerCase()));
    if (distinct.size < entries.length) problem('a device is named twice');
  });

/** Environment variables with their defaults; README and docs/configuration.md list them. */
const schema = z.object({
  ROLE: z.enum(['api', 'worker', 'all']).default('all'),
  HOST: z.string().default('127.0.0.1'),
  PORT: z.coerce.number().int().min(0).max(65535).default(8080),
  REDIS_URL: z.url({ protocol: /^rediss?$/ }).default('redis://127.0.0.1:6379'),
  CAIRN_DATA_DIR: z.string().default('.cairn/data'),
  CAIRN_WEIGHTS_DIR: z.string().default('.cairn/weights'),
  CAIRN_WEIGHTS_MIRROR: z.string().optional(),
  CAIRN_ENGINE: z.string().default('auto'),
  CAIRN_DEVICE: z.string().default('auto'),
  CAIRN_THREADS: z.coerce.number().int().min(1).optional(),
  CAIRN_MAX_SESSIONS: count(2),
  CAIRN_MAX_BATCH: count(1),
  CAIRN_MAX_DELAY_MS: count(5, 0),
  CAIRN_CONCURRENCY: z.coerce.number().int().min(1).optional(),
  CAIRN_DEVICES: devices.optional(),
  CAIRN_WORKER_NAME: z.string().optional(),
  CAIRN_QUEUE_PREFIX: z.string().default('cairn'),
  CAIRN_QUEUE_LIMIT: count(10_000),
  CAIRN_STREAM_LENGTH: count(100_000),
  CAIRN_GROUP_IDLE_MS: count(7 * 24 * HOUR_MS),
  CAIRN_LOCK_DURATION_MS: count(30_000, 1000),
  CAIRN_DRAIN_TIMEOUT_MS: count(60_000, 0),
  CAIRN_MAX_UPLOAD_BYTES: count(64 * MIB),
  CAIRN_MAX_PIXELS: count(DEFAULT_MAX_PIXELS),
  CAIRN_UPLOAD_TTL_MS: count(7 * 24 * HOUR_MS),
  CAIRN_ALLOW_PRIVATE_URLS: z.enum(['true', 'false']).optional(),
  ...httpSchema,
  CAIRN_LOG_JSON: flag('false'),
  CAIRN_URL: z.url({ protocol: /^https?$/ }).default('http://127.0.0.1:8080'),
});

export type Config = ReturnType<typeof loadConfig>;

/** @throws CairnError `option-invalid`, naming each variable that is wrong. */
export function loadConfig(env: Env) {
  const parsed = schema.safeParse(env);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new CairnError('option-invalid', `The configuration is invalid: ${problems.join('; ')}.`);
  }
  const vars = parsed.data;
  return {
    role: vars.ROLE,
    http: {
      host: vars.HOST,
      port: vars.PORT,
      maxUploadBytes: vars.CAIRN_MAX_UPLOAD_BYTES,
      limits: httpLimits(vars, isLoopback(vars.HOST) ? [...new Set([...LOOPBACK_HOSTS, vars.HOST])] : undefined),
    },
    redisUrl: vars.REDIS_URL,
    dataDir: vars.CAIRN_DATA_DIR,
    weightsDir: vars.CAIRN_WEIGHTS_DIR,
    ...(vars.CAIRN_WEIGHTS_MIRROR !== undefined && { weightsMirror: vars.CAIRN_WEIGHTS_MIRROR }),
    backbone: {
      engine: vars.CAIRN_ENGINE,
      device: vars.CAIRN_DEVICE,
      maxSessions: vars.CAIRN_MAX_SESSIONS,
      maxBatch: vars.CAIRN_MAX_BATCH,
      maxDelayMs: vars.CAIRN_MAX_DELAY_MS,
      ...(vars.CAIRN_THREADS !== undefined && { threads: vars.CAIRN_THREADS }),
    },
    /** One worker process per device; none: this process does the work itself. */
    devices: vars.CAIRN_DEVICES ?? [],
    /** Set in a worker process that runs under a supervisor. */
    workerName: vars.CAIRN_WORKER_NAME,
    queue: { prefix: vars.CAIRN_QUEUE_PREFIX, limit: vars.CAIRN_QUEUE_LIMIT },
    streamLength: vars.CAIRN_STREAM_LENGTH,
    groupIdleMs: vars.CAIRN_GROUP_IDLE_MS,
    worker: {
      // While a batch runs, one image is being decoded and another packed.
      concurrency: vars.CAIRN_CONCURRENCY ?? vars.CAIRN_MAX_BATCH + 2,
      lockDurationMs: vars.CAIRN_LOCK_DURATION_MS,
      drainTimeoutMs: vars.CAIRN_DRAIN_TIMEOUT_MS,
      uploadTtlMs: vars.CAIRN_UPLOAD_TTL_MS,
    },
    maxPixels: vars.CAIRN_MAX_PIXELS,
    // A server reachable from this machine only may fetch from it; a public one must not fetch from its own network on
    // behalf of strangers.
    allowPrivateUrls: vars.CAIRN_ALLOW_PRIVATE_URLS ? vars.CAIRN_ALLOW_PRIVATE_URLS === 'true' : isLoopback(vars.HOST),
    logJson: vars.CAIRN_LOG_JSON,
    /** The server that the command line talks to. */
    serverUrl: vars.CAIRN_URL,
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
