import { z } from 'zod';
import { MAX_SIZE, MIN_SIZE } from '../backbone/catalogue.js';
import { DEFAULT_ENGINE_LIMITS } from '../backbone/engine/engine-thread.js';
import { DEFAULT_DECODER_LIMITS } from '../backbone/preprocess/decoder.js';
import { DEFAULT_DECODE_LIMITS, MAX_PIXELS_SIDE } from '../backbone/preprocess/decode.js';
import type { ErrorCode } from '../errors.js';
import { DAY_MS, GIB, MIB } from './values.js';

/** A setting that bounds something: its variable is the key in `LIMITS`. */
export interface Limit {
  /** Or the variables that it follows from, as an expression. */
  readonly standard: number | string;
  /** 1 unless given. */
  readonly least?: number;
  readonly most?: number;
  readonly unit: 'bytes' | 'bytes per second' | 'milliseconds' | 'pixels' | 'times' | 'count';
  readonly of: 'API' | 'worker' | 'API, worker';
  /** What it bounds. */
  readonly bounds: string;
  /** What is answered beyond it: a stable code, or what happens where nothing is refused. */
  readonly beyond: { readonly code: ErrorCode } | string;
}

/** A timer of Node.js holds no more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const TOO_LARGE = { code: 'image-too-large' } as const;

/** Every limit that can be set. Configuration, docs/limits.md and its test are derived from this table. */
export const LIMITS = {
  CAIRN_MAX_CONNECTIONS: {
    ...{ standard: 10_000, unit: 'count', of: 'API' },
    bounds: 'connections at once',
    beyond: 'the connection is closed',
  },
  CAIRN_MAX_BODIES: {
    ...{ standard: 1024, unit: 'count', of: 'API' },
    bounds: 'request bodies that are received at once',
    beyond: { code: 'busy' },
  },
  CAIRN_MIN_BODY_RATE: {
    ...{ standard: 100, least: 0, unit: 'bytes per second', of: 'API' },
    bounds: 'least rate of a body, as the mean over `CAIRN_BODY_TIMEOUT_MS`',
    beyond: { code: 'request-timeout' },
  },
  CAIRN_BODY_TIMEOUT_MS: {
    ...{ standard: 60_000, least: 100, unit: 'milliseconds', of: 'API' },
    bounds: 'period over which `CAIRN_MIN_BODY_RATE` is measured',
    beyond: { code: 'request-timeout' },
  },
  CAIRN_ANSWER_TIMEOUT_MS: {
    ...{ standard: 60_000, least: 100, unit: 'milliseconds', of: 'API' },
    bounds: 'time in which a client takes nothing of its response',
    beyond: 'the connection is closed',
  },
  CAIRN_INFERENCE_BYTES: {
    ...{ standard: 256 * MIB, unit: 'bytes', of: 'API' },
    bounds: 'memory for `/v2` requests that are being read, all together',
    beyond: { code: 'busy' },
  },
  CAIRN_GRPC_MAX_MESSAGE_BYTES: {
    ...{ standard: 64 * MIB, least: 1024, most: 2 ** 31 - 1, unit: 'bytes', of: 'API' },
    bounds: 'one message that a client of gRPC sends',
    beyond: 'the call ends with RESOURCE_EXHAUSTED',
  },
  CAIRN_MAX_JSON_VALUES: {
    ...{ standard: 1_000_000, unit: 'count', of: 'API' },
    bounds: 'values (numbers, texts, lists, objects, keys) in the JSON of a `/v2` request',
    beyond: { code: 'json-too-large' },
  },
  CAIRN_MAX_FEATURE_STREAMS: {
    ...{ standard: 256, unit: 'count', of: 'API' },
    bounds: 'responses with levels at once',
    beyond: { code: 'busy' },
  },
  CAIRN_FEATURE_STREAM_BANDS: {
    ...{ standard: 512, unit: 'count', of: 'API' },
    bounds: 'bands in work, of about 1 MiB, that responses with levels share',
    beyond: 'each response has fewer in work, at least one',
  },
  CAIRN_MAX_REGION_BYTES: {
    ...{ standard: 512 * MIB, unit: 'bytes', of: 'API' },
    bounds: 'one response with regions',
    beyond: { code: 'regions-too-large' },
  },
  CAIRN_QUEUE_LIMIT: {
    ...{ standard: 10_000, unit: 'count', of: 'API, worker' },
    bounds: 'jobs that wait',
    beyond: { code: 'queue-full' },
  },
  CAIRN_STREAM_LENGTH: {
    ...{ standard: 100_000, unit: 'count', of: 'worker' },
    bounds: 'announcements that are kept for subscribers, about 1 kB each',
    beyond: 'the oldest are dropped, and subscribers receive `gap`',
  },
  CAIRN_GROUP_IDLE_MS: {
    ...{ standard: 7 * DAY_MS, unit: 'milliseconds', of: 'API' },
    bounds: 'time for which an unused consumer group is certain to be kept',
    beyond: 'it gives way to a new group where there are 256',
  },
  CAIRN_MAX_UPLOAD_BYTES: {
    ...{ standard: 64 * MIB, unit: 'bytes', of: 'API, worker' },
    bounds: 'an encoded image, uploaded or downloaded',
    beyond: { code: 'upload-too-large' },
  },
  CAIRN_MAX_PIXELS: {
    ...{ standard: DEFAULT_DECODE_LIMITS.maxPixels, unit: 'pixels', of: 'API, worker' },
    bounds: 'a decoded image: 100 megapixels take 300 MB',
    beyond: TOO_LARGE,
  },
  CAIRN_MAX_SIDE: {
    ...{ standard: DEFAULT_DECODE_LIMITS.maxSide, most: MAX_PIXELS_SIDE, unit: 'pixels', of: 'API, worker' },
    bounds: 'the longest side of an image',
    beyond: TOO_LARGE,
  },
  CAIRN_MAX_SCANS: {
    ...{ standard: DEFAULT_DECODE_LIMITS.maxScans, unit: 'count', of: 'API, worker' },
    bounds: 'scans of a JPEG image: each costs a pass over all of its pixels',
    beyond: { code: 'image-unsupported' },
  },
  CAIRN_DECODE_CPU_MS: {
    ...{ standard: DEFAULT_DECODER_LIMITS.cpuMs, most: LONGEST_TIMER_MS, unit: 'milliseconds', of: 'worker' },
    bounds: 'CPU time of decoding one image, of all cores together',
    beyond: { code: 'image-decode-limit' },
  },
  CAIRN_DECODE_TIMEOUT_MS: {
    ...{ standard: DEFAULT_DECODER_LIMITS.timeoutMs, most: LONGEST_TIMER_MS, unit: 'milliseconds', of: 'worker' },
    bounds: 'decoding one image',
    beyond: { code: 'image-decode-limit' },
  },
  CAIRN_DECODE_BYTES: {
    ...{ standard: DEFAULT_DECODER_LIMITS.maxBytes, unit: 'bytes', of: 'worker' },
    bounds: 'memory of the process that decodes',
    beyond: { code: 'image-decode-limit' },
  },
  CAIRN_MAX_SIZE: {
    ...{ standard: 2048, least: MIN_SIZE, most: MAX_SIZE, unit: 'pixels', of: 'API, worker' },
    bounds: 'the `size` that may be asked for',
    beyond: { code: 'spec-too-large' },
  },
  CAIRN_MAX_JOB_BYTES: {
    ...{ standard: 3 * GIB, unit: 'bytes', of: 'API, worker' },
    bounds: 'memory that one job is estimated to need',
    beyond: { code: 'spec-too-large' },
  },
  CAIRN_BATCH_MAX_REFUSED: {
    ...{ standard: 1000, least: 0, unit: 'count', of: 'API' },
    bounds: 'lines of a batch that are refused',
    beyond: { code: 'batch-invalid' },
  },
  CAIRN_BATCH_MAX_BYTES: {
    ...{ standard: 16 * GIB, unit: 'bytes', of: 'API' },
    bounds: 'the body of a batch, and what it unpacks to',
    beyond: { code: 'batch-too-large' },
  },
  CAIRN_MAX_BATCHES: {
    ...{ standard: 1000, unit: 'count', of: 'API' },
    bounds: 'batches that have not ended',
    beyond: { code: 'queue-full' },
  },
  CAIRN_BATCH_MAX_RATIO: {
    ...{ standard: 100, unit: 'times', of: 'API' },
    bounds: 'what a compressed batch unpacks to, beyond 1 MiB of text or 64 MiB of images',
    beyond: { code: 'batch-too-large' },
  },
  CAIRN_UPLOAD_TTL_MS: {
    ...{ standard: 7 * DAY_MS, unit: 'milliseconds', of: 'worker' },
    bounds: 'age of an upload: more than your longest batch takes',
    beyond: 'it is deleted; its jobs fail with `image-missing`',
  },
  CAIRN_STORE_RESERVE_BYTES: {
    ...{ standard: 64 * MIB, least: 0, unit: 'bytes', of: 'API, worker' },
    bounds: 'space that is left in the store',
    beyond: { code: 'store-full' },
  },
  CAIRN_URL_MAX_LENGTH: {
    ...{ standard: 2048, unit: 'count', of: 'API' },
    bounds: 'characters of a URL',
    beyond: { code: 'url-too-long' },
  },
  CAIRN_URL_TIMEOUT_MS: {
    ...{ standard: 30_000, most: LONGEST_TIMER_MS, unit: 'milliseconds', of: 'worker' },
    bounds: 'a whole download',
    beyond: { code: 'url-unreachable' },
  },
  CAIRN_URL_MIN_RATE: {
    ...{ standard: 1024, least: 0, unit: 'bytes per second', of: 'worker' },
    bounds: 'least rate of a download, in each five seconds',
    beyond: { code: 'url-unreachable' },
  },
  CAIRN_URL_MAX_REDIRECTS: {
    ...{ standard: 5, least: 0, unit: 'count', of: 'worker' },
    bounds: 'redirects that a download follows',
    beyond: { code: 'url-rejected' },
  },
  CAIRN_URL_CONCURRENCY: {
    ...{ standard: '`CAIRN_CONCURRENCY` − 1, at least 1', unit: 'count', of: 'worker' },
    bounds: 'jobs that download their image at once',
    beyond: 'further jobs with URLs go back to the queue for a while',
  },
  CAIRN_URL_PER_HOST: {
    ...{ standard: 8, unit: 'count', of: 'worker' },
    bounds: 'downloads from one host at once',
    beyond: 'further jobs of this host go back to the queue for a while',
  },
  CAIRN_URL_HOST_RATE: {
    ...{ standard: 100, unit: 'count', of: 'worker' },
    bounds: 'downloads per second that all workers together begin from one host',
    beyond: 'further jobs of this host go back to the queue for a while',
  },
  CAIRN_CONCURRENCY: {
    ...{ standard: '`CAIRN_MAX_BATCH` + 2', unit: 'count', of: 'worker' },
    bounds: 'jobs that run at once',
    beyond: 'further jobs wait in the queue',
  },
  CAIRN_MAX_SESSIONS: {
    ...{ standard: 2, unit: 'count', of: 'worker' },
    bounds: 'compiled networks that are kept; each holds about 1 GB at side 1024',
    beyond: 'the one that was used least recently is released',
  },
  CAIRN_MAX_BATCH: {
    ...{ standard: 1, unit: 'count', of: 'worker' },
    bounds: 'images of one model, size and set of levels that run together',
    beyond: 'further images are the next batch',
  },
  CAIRN_MAX_DELAY_MS: {
    ...{ standard: 5, least: 0, unit: 'milliseconds', of: 'worker' },
    bounds: 'time for which the first image of a batch waits for others',
    beyond: 'the batch runs',
  },
  CAIRN_LOCK_DURATION_MS: {
    ...{ standard: 30_000, least: 1000, unit: 'milliseconds', of: 'worker' },
    bounds: 'time for which a worker may be silent about a job',
    beyond: 'another worker runs it; `job-killed-worker` after three deaths',
  },
  CAIRN_JOB_TIMEOUT_MS: {
    ...{ standard: 3600_000, most: LONGEST_TIMER_MS, unit: 'milliseconds', of: 'worker' },
    bounds: 'one attempt of a job',
    beyond: { code: 'job-timeout' },
  },
  CAIRN_RUN_TIMEOUT_MS: {
    ...{ standard: DEFAULT_ENGINE_LIMITS.runMs, most: LONGEST_TIMER_MS, unit: 'milliseconds', of: 'worker' },
    bounds: 'a run of the network, for each of its images',
    beyond: { code: 'engine-hung' },
  },
  CAIRN_COMPILE_TIMEOUT_MS: {
    ...{ standard: DEFAULT_ENGINE_LIMITS.compileMs, most: LONGEST_TIMER_MS, unit: 'milliseconds', of: 'worker' },
    bounds: 'compiling a session',
    beyond: { code: 'engine-hung' },
  },
  CAIRN_DRAIN_TIMEOUT_MS: {
    ...{ standard: 60_000, least: 0, unit: 'milliseconds', of: 'API, worker' },
    bounds: 'time for which SIGTERM waits for running jobs and responses',
    beyond: 'running jobs are left to other workers',
  },
} as const satisfies Readonly<Record<string, Limit>>;

export type LimitName = keyof typeof LIMITS;
type Value<Name extends LimitName> = (typeof LIMITS)[Name]['standard'] extends number ? number : number | undefined;
export type LimitValues = { readonly [Name in LimitName]: Value<Name> };

/** The variables as whole numbers within their range; undefined where one follows from others and is not set. */
export const limitsSchema = Object.fromEntries(
  Object.entries<Limit>(LIMITS).map(([name, limit]) => [name, variable(limit)]),
) as unknown as { [Name in LimitName]: z.ZodType<Value<Name>> };

function variable({ standard, least = 1, most = Number.MAX_SAFE_INTEGER }: Limit) {
  const number = z.coerce.number().int().min(least).max(most);
  return typeof standard === 'number' ? number.default(standard) : number.optional();
}
