import { isIPv4 } from 'node:net';
import { z } from 'zod';
import { asCairnError, CairnError } from '../errors.js';
import { UrlPolicy } from '../images/url-policy.js';
import type { Env } from './env.js';
import { hosts, httpLimits, LOOPBACK_HOSTS, origins } from './http-limits.js';
import { limitsSchema } from './limits.js';
import { storeSchema, storeSettings } from './store.js';
import { flag } from './values.js';

/** As CUDA accepts them: an index, or the UUID (or a prefix of one) of a GPU or of a MIG slice. */
const DEVICE = /^(0|[1-9]\d{0,2}|GPU-[0-9a-f][0-9a-f-]*|MIG-(GPU-)?[0-9a-f][0-9a-f-]*(\/\d{1,3}){0,2})$/i;

/** ONNX Runtime gives no choice of adapter, and its drivers read no variable that hides one. */
const NOT_BOUND = 'WebGPU cannot be bound to one device: every worker would run on the first GPU';

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

/** Private hosts and networks that images may be fetched from. */
const urlAllow = z
  .string()
  .default('')
  .transform((value, context) => {
    try {
      return UrlPolicy.parse(value);
    } catch (error) {
      context.addIssue({ code: 'custom', message: asCairnError(error).message });
      return z.NEVER;
    }
  });

/** Environment variables with their defaults, limits apart; docs/configuration.md lists them. */
const schema = z.object({
  ROLE: z.enum(['api', 'worker', 'all']).default('all'),
  HOST: z.string().default('127.0.0.1'),
  PORT: z.coerce.number().int().min(0).max(65535).default(8080),
  REDIS_URL: z.url({ protocol: /^rediss?$/ }).default('redis://127.0.0.1:6379'),
  CAIRN_DATA_DIR: z.string().default('.cairn/data'),
  ...storeSchema,
  CAIRN_WEIGHTS_DIR: z.string().default('.cairn/weights'),
  CAIRN_WEIGHTS_MIRROR: z.string().optional(),
  CAIRN_DEFAULT_MODEL: z.string().optional(),
  HF_ENDPOINT: z.url({ protocol: /^https?$/ }).default('https://huggingface.co'),
  HF_TOKEN: z.string().optional(),
  CAIRN_ENGINE: z.string().default('auto'),
  CAIRN_DEVICE: z.string().default('auto'),
  CAIRN_THREADS: z.coerce.number().int().min(1).optional(),
  CAIRN_DEVICES: devices.optional(),
  CAIRN_WORKER_NAME: z.string().optional(),
  CAIRN_QUEUE_PREFIX: z.string().default('cairn'),
  CAIRN_LIVENESS_FILE: z.string().optional(),
  CAIRN_URL_ALLOW: urlAllow,
  CAIRN_ALLOWED_HOSTS: hosts.optional(),
  CAIRN_GRPC_PORT: z.coerce.number().int().min(0).max(65535).optional(),
  CAIRN_CORS_ORIGINS: origins.optional(),
  CAIRN_METRICS_PORT: z.coerce.number().int().min(0).max(65535).optional(),
  CAIRN_LOG_JSON: flag('false'),
  CAIRN_URL: z.url({ protocol: /^https?$/ }).default('http://127.0.0.1:8080'),
  CAIRN_API_KEYS_FILE: z.string().optional(),
  CAIRN_AUTH: z.enum(['off']).optional(),
  CAIRN_API_KEY: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'is not a key')
    .optional(),
  ...limitsSchema,
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
  if (vars.CAIRN_DEVICES && vars.CAIRN_DEVICE === 'webgpu') {
    throw new CairnError('option-invalid', `The configuration is invalid: CAIRN_DEVICES: ${NOT_BOUND}.`);
  }
  // While a batch runs, one image is being decoded and another packed.
  const concurrency = vars.CAIRN_CONCURRENCY ?? vars.CAIRN_MAX_BATCH + 2;
  const decode = { maxPixels: vars.CAIRN_MAX_PIXELS, maxSide: vars.CAIRN_MAX_SIDE, maxScans: vars.CAIRN_MAX_SCANS };
  return {
    role: vars.ROLE,
    http: {
      host: vars.HOST,
      port: vars.PORT,
      limits: httpLimits(vars, isLoopback(vars.HOST) ? [...new Set([...LOOPBACK_HOSTS, vars.HOST])] : undefined),
    },
    auth: { keysFile: vars.CAIRN_API_KEYS_FILE, off: vars.CAIRN_AUTH === 'off', local: isLoopback(vars.HOST) },
    /** The Open Inference Protocol over gRPC, on the host of HTTP. */
    ...(vars.CAIRN_GRPC_PORT !== undefined && {
      grpc: { host: vars.HOST, port: vars.CAIRN_GRPC_PORT, maxMessageBytes: vars.CAIRN_GRPC_MAX_MESSAGE_BYTES },
    }),
    /** Of a worker without an API. */
    ...(vars.CAIRN_METRICS_PORT !== undefined && { metricsPort: vars.CAIRN_METRICS_PORT }),
    redisUrl: vars.REDIS_URL,
    store: storeSettings(vars, vars.CAIRN_DATA_DIR, vars.CAIRN_STORE_RESERVE_BYTES),
    /** Whether clients are sent to the store itself for archives, where it can be read by URLs. */
    storeRedirect: vars.CAIRN_STORE_REDIRECT,
    weightsDir: vars.CAIRN_WEIGHTS_DIR,
    ...(vars.CAIRN_WEIGHTS_MIRROR !== undefined && { weightsMirror: vars.CAIRN_WEIGHTS_MIRROR }),
    /** The model of requests that name none; without it, the best one that has weights. */
    defaultModel: vars.CAIRN_DEFAULT_MODEL,
    /** The hub that `weights pull hf:…` asks; the names of the variables are those of its own library. */
    hub: { endpoint: vars.HF_ENDPOINT, token: vars.HF_TOKEN },
    backbone: {
      engine: vars.CAIRN_ENGINE,
      device: vars.CAIRN_DEVICE,
      maxSessions: vars.CAIRN_MAX_SESSIONS,
      maxBatch: vars.CAIRN_MAX_BATCH,
      maxDelayMs: vars.CAIRN_MAX_DELAY_MS,
      limits: { runMs: vars.CAIRN_RUN_TIMEOUT_MS, compileMs: vars.CAIRN_COMPILE_TIMEOUT_MS },
      // This process is one of several, each of which has a device.
      ...(vars.CAIRN_WORKER_NAME !== undefined && { excluded: { webgpu: NOT_BOUND } }),
      ...(vars.CAIRN_THREADS !== undefined && { threads: vars.CAIRN_THREADS }),
    },
    /** One worker process per device; none: this process does the work itself. */
    devices: vars.CAIRN_DEVICES ?? [],
    /** Its modification time shows that this worker is sound. */
    livenessFile: vars.CAIRN_LIVENESS_FILE,
    /** Set in a worker process that runs under a supervisor. */
    workerName: vars.CAIRN_WORKER_NAME,
    queue: { prefix: vars.CAIRN_QUEUE_PREFIX, limit: vars.CAIRN_QUEUE_LIMIT },
    streamLength: vars.CAIRN_STREAM_LENGTH,
    groupIdleMs: vars.CAIRN_GROUP_IDLE_MS,
    worker: {
      concurrency,
      lockDurationMs: vars.CAIRN_LOCK_DURATION_MS,
      drainTimeoutMs: vars.CAIRN_DRAIN_TIMEOUT_MS,
      jobTimeoutMs: vars.CAIRN_JOB_TIMEOUT_MS,
      uploadTtlMs: vars.CAIRN_UPLOAD_TTL_MS,
    },
    decode,
    /** What decoding one image may take. */
    decoder: {
      timeoutMs: vars.CAIRN_DECODE_TIMEOUT_MS,
      cpuMs: vars.CAIRN_DECODE_CPU_MS,
      maxBytes: vars.CAIRN_DECODE_BYTES,
    },
    /** What is accepted as an image. */
    intake: {
      ...decode,
      maxUploadBytes: vars.CAIRN_MAX_UPLOAD_BYTES,
      maxUrlLength: vars.CAIRN_URL_MAX_LENGTH,
      maxRatio: vars.CAIRN_BATCH_MAX_RATIO,
      maxBatchBytes: vars.CAIRN_BATCH_MAX_BYTES,
    },
    batches: { maxRefused: vars.CAIRN_BATCH_MAX_REFUSED, maxOpen: vars.CAIRN_MAX_BATCHES },
    spec: { maxSize: vars.CAIRN_MAX_SIZE, maxJobBytes: vars.CAIRN_MAX_JOB_BYTES },
    /** How workers fetch images. */
    urls: {
      policy: vars.CAIRN_URL_ALLOW,
      limits: {
        timeoutMs: vars.CAIRN_URL_TIMEOUT_MS,
        minRate: vars.CAIRN_URL_MIN_RATE,
        maxRedirects: vars.CAIRN_URL_MAX_REDIRECTS,
      },
      downloads: {
        // One place is left for jobs that need no download.
        concurrency: vars.CAIRN_URL_CONCURRENCY ?? Math.max(1, concurrency - 1),
        perHost: vars.CAIRN_URL_PER_HOST,
        hostRate: vars.CAIRN_URL_HOST_RATE,
      },
    },
    logJson: vars.CAIRN_LOG_JSON,
    /** The server that the command line talks to. */
    serverUrl: vars.CAIRN_URL,
    /** What it sends to that server. */
    apiKey: vars.CAIRN_API_KEY,
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}
