import { z } from 'zod';
import type { LimitValues } from './limits.js';

/** Names of the machine itself. */
export const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '::1'];

/** `Host` has IPv6 addresses in brackets; the variable may leave them out. */
export const hosts = z.string().transform((value) =>
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

/** Origins as browsers write them; `*` is none, since every page that a user visits would be let in. */
export const origins = z.string().transform((value, context) => {
  const listed = value
    .split(',')
    .map((origin) => origin.trim())
    .filter((origin) => origin !== '');
  for (const origin of listed) {
    if (/^https?:\/\/[^*]+$/.test(origin) && URL.canParse(origin) && new URL(origin).origin === origin) continue;
    context.addIssue({ code: 'custom', message: `"${origin}" is no origin such as https://viewer.example` });
  }
  return listed;
});

type Vars = LimitValues & {
  readonly CAIRN_ALLOWED_HOSTS?: readonly string[] | undefined;
  readonly CAIRN_CORS_ORIGINS?: readonly string[] | undefined;
};

/** What `HttpLimits` of the API needs; `defaultHosts` are the names that are answered when none are given. */
export function httpLimits(vars: Vars, defaultHosts: readonly string[] | undefined) {
  // `*` answers every name.
  const given = vars.CAIRN_ALLOWED_HOSTS;
  return {
    allowedHosts: given?.includes('*') ? undefined : (given ?? defaultHosts),
    corsOrigins: vars.CAIRN_CORS_ORIGINS ?? [],
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
