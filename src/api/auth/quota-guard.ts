import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Redis } from 'ioredis';
import { CairnError } from '../../errors.js';
import type { Caller } from '../../keys/api-key.js';
import { DailyBytes, type DailyUse } from '../../keys/daily-bytes.js';
import type { KeyRing } from '../../keys/key-ring.js';
import type { RedisKeys } from '../../redis/keys.js';
import { unlessAway } from '../../redis/reach.js';
import { announcesBody, endConnection } from '../http/body-limits.js';

/** The keys of a server, and where it counts what they use. */
export interface KeyAccess {
  readonly ring: KeyRing;
  /** A fail-fast connection. */
  readonly redis: Redis;
  readonly usage: RedisKeys['usage'];
}

type Answer = (error: CairnError, reply: FastifyReply) => void;

const SECOND_MS = 1000;
const DAY_SECONDS = 24 * 3600;
/** How often the bytes of a body of unknown length are counted. */
const COUNT_EVERY_MS = 1000;

/**
 * Holds callers to the requests per second and the bytes per day of their keys, before a body is read. While Redis is away
 * nothing is counted and everybody is let in: a limit keeps callers from one another, and to refuse all of them would be the
 * greater harm.
 */
export async function limitCallers(
  server: FastifyInstance,
  { redis, usage }: KeyAccess,
  answer: Answer,
): Promise<void> {
  await server.register(rateLimit, {
    // The hook below asks: the limit is that of the key, and its refusal has the form of the protocol.
    global: false,
    redis,
    nameSpace: usage.requests,
    keyGenerator: ({ caller }) => caller!.name,
    max: ({ caller }) => caller!.quotas['requests-per-second']!,
    timeWindow: SECOND_MS,
    skipOnError: true,
  });
  const countRequest = server.createRateLimit();
  const bytes = new DailyBytes(redis, usage);
  server.addHook('onRequest', async (request, reply) => {
    const { caller } = request;
    if (!caller) return;
    if (caller.quotas['requests-per-second'] !== undefined) {
      const state = await countRequest(request);
      if (!state.isAllowed && !mayAsk(state, reply, answer)) return reply;
    }
    const limit = caller.quotas['bytes-per-day'];
    if (limit !== undefined && announcesBody(request.raw)) {
      if (!(await maySend(caller, limit, request, reply, bytes, answer))) return reply;
    }
  });
}

interface RequestCount {
  readonly max: number;
  readonly remaining: number;
  readonly ttlInSeconds: number;
  readonly isExceeded: boolean;
}

function mayAsk(
  { max, remaining, ttlInSeconds, isExceeded }: RequestCount,
  reply: FastifyReply,
  answer: Answer,
): boolean {
  const reset = Math.max(1, ttlInSeconds);
  tellLimit(reply, 'requests', max, 1, remaining, reset);
  if (!isExceeded) return true;
  void reply.header('retry-after', reset);
  answer(new CairnError('rate-limited', `The key may send ${max} requests per second.`), reply);
  return false;
}

async function maySend(
  { name }: Caller,
  limit: number,
  { raw }: FastifyRequest,
  reply: FastifyReply,
  bytes: DailyBytes,
  answer: Answer,
): Promise<boolean> {
  const length = Number(raw.headers['content-length'] ?? NaN);
  const use = await unlessAway(() => bytes.reserve(name, Number.isNaN(length) ? 1 : length, limit));
  if (use) tellLimit(reply, 'bytes', limit, DAY_SECONDS, use.left, use.resetSeconds);
  if (use && !use.within) {
    refuseBytes(use, limit, reply, answer);
    return false;
  }
  if (Number.isNaN(length)) countWhileItComes(name, limit, raw, reply, bytes, answer);
  return true;
}

/** A body that does not say its length is cut off when the bytes of the day are used up. */
function countWhileItComes(
  name: string,
  limit: number,
  raw: FastifyRequest['raw'],
  reply: FastifyReply,
  bytes: DailyBytes,
  answer: Answer,
): void {
  const { socket } = raw;
  let counted = socket.bytesRead;
  const count = async () => {
    const more = socket.bytesRead - counted;
    counted += more;
    const use = more > 0 ? await unlessAway(() => bytes.add(name, more, limit)) : undefined;
    if (!use || use.within || raw.complete || raw.destroyed) return;
    if (!reply.sent) refuseBytes(use, limit, reply, answer);
    endConnection(raw, reply);
  };
  const timer = setInterval(() => void count(), COUNT_EVERY_MS).unref();
  const ended = () => {
    raw.off('end', ended).off('close', ended);
    clearInterval(timer);
    void count();
  };
  raw.once('end', ended).once('close', ended);
}

function refuseBytes({ resetSeconds }: DailyUse, limit: number, reply: FastifyReply, answer: Answer): void {
  void reply.header('retry-after', resetSeconds);
  const message = `The key may send ${limit} bytes of bodies per day (UTC), and this body would exceed that.`;
  answer(new CairnError('quota-exceeded', message), reply);
}

/** As the draft "RateLimit header fields for HTTP" of the IETF has them; a request may fall under several limits. */
function tellLimit(
  reply: FastifyReply,
  what: string,
  most: number,
  seconds: number,
  left: number,
  reset: number,
): void {
  append(reply, 'ratelimit-policy', `"${what}";q=${most};w=${seconds}`);
  append(reply, 'ratelimit', `"${what}";r=${left};t=${reset}`);
}

function append(reply: FastifyReply, name: string, item: string): void {
  const before = reply.getHeader(name);
  void reply.header(name, typeof before === 'string' ? `${before}, ${item}` : item);
}
