import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';

const DAY_SECONDS = 24 * 3600;

/** What pages may send; a browser asks before it does. */
const SENT = [
  ...['Accept-Encoding', 'Authorization', 'Content-Encoding', 'Content-Type', 'Idempotency-Key', 'If-None-Match'],
  ...['If-Range', 'Inference-Header-Content-Length', 'Last-Event-ID', 'Range', 'X-API-Key'],
];
/** What pages may read: readers of remote Zarr need the lengths and ranges, and clients the limits of their keys. */
const READ = [
  ...['Accept-Ranges', 'Content-Encoding', 'Content-Length', 'Content-Location', 'Content-Range', 'ETag'],
  ...['Inference-Header-Content-Length', 'Location', 'RateLimit', 'RateLimit-Policy', 'Retry-After'],
  ...['WWW-Authenticate', 'X-Request-Id'],
];

/**
 * Lets pages of some origins use the API from a browser; without origins, browsers let none. To be called before keys are asked
 * for: a browser sends none with its first question.
 */
export async function allowOrigins(server: FastifyInstance, origins: readonly string[]): Promise<void> {
  if (origins.length === 0) return;
  await server.register(cors, {
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'DELETE'],
    allowedHeaders: SENT,
    exposedHeaders: READ,
    maxAge: DAY_SECONDS,
    // Keys are sent by pages themselves; there are no cookies.
    credentials: false,
    strictPreflight: false,
  });
}
