import { z } from 'zod';
import { count, MIB } from './values.js';

/** Names of the machine itself. */
export const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '::1'];

/** `Host` has IPv6 addresses in brackets; the variable may leave them out. */
const hosts = z.string().transform((value) =>
  value
    .split(',')
    .map((host) =>
      host
        .trim()
        .toLowerCase()
        .replace(/^\[(.*)\]$/, '$1'),
    )
    .filter((host) => host !== ''),
);

/** Budgets and deadlines of the API, for a process with 4 GiB of memory. */
export const httpSchema = {
  CAIRN_ALLOWED_HOSTS: hosts.optional(),
  CAIRN_MAX_CONNECTIONS: count(10_000),
  CAIRN_MAX_BODIES: count(1024),
  CAIRN_BODY_TIMEOUT_MS: count(60_000, 100),
  CAIRN_MIN_BODY_RATE: count(100, 0),
  CAIRN_ANSWER_TIMEOUT_MS: count(60_000, 100),
  CAIRN_INFERENCE_BYTES: count(256 * MIB),
  CAIRN_MAX_JSON_VALUES: count(1_000_000),
  CAIRN_MAX_FEATURE_STREAMS: count(256),
  CAIRN_FEATURE_STREAM_BANDS: count(512),
  CAIRN_MAX_REGION_BYTES: count(512 * MIB),
};

type Vars = z.output<z.ZodObject<typeof httpSchema>>;

/** What `HttpLimits` of the API needs; `defaultHosts` are the names that are answered when none are given. */
export function httpLimits(vars: Vars, defaultHosts: readonly string[] | undefined) {
  // `*` answers every name.
  const given = vars.CAIRN_ALLOWED_HOSTS;
  return {
    allowedHosts: given?.includes('*') ? undefined : (given ?? defaultHosts),
    maxConnections: vars.CAIRN_MAX_CONNECTIONS,
    maxBodies: vars.CAIRN_MAX_BODIES,
    bodyTimeoutMs: vars.CAIRN_BODY_TIMEOUT_MS,
    minBodyRate: vars.CAIRN_MIN_BODY_RATE,
    answerTimeoutMs: vars.CAIRN_ANSWER_TIMEOUT_MS,
    inferenceBytes: vars.CAIRN_INFERENCE_BYTES,
    maxJsonValues: vars.CAIRN_MAX_JSON_VALUES,
    maxFeatureStreams: vars.CAIRN_MAX_FEATURE_STREAMS,
    featureStreamBands: vars.CAIRN_FEATURE_STREAM_BANDS,
    maxRegionBytes: vars.CAIRN_MAX_REGION_BYTES,
  };
}
