import type { FastifyInstance, FastifyReply } from 'fastify';
import type { IncomingMessage } from 'node:http';
import { CairnError } from '../../errors.js';
import type { Budget } from '../../metrics/process-metrics.js';
import type { HttpLimits } from './limits.js';

/** A body of which nothing came for this long may lose its place to another. */
const STALL_MS = 2000;

type BodyLimits = Pick<HttpLimits, 'maxBodies' | 'bodyTimeoutMs' | 'minBodyRate'>;

/**
 * Bounds the bodies that are being received: how many at once (`busy`), and how slowly each may come (`request-timeout`,
 * after which the connection ends). Time in which the server does not read counts for nothing. While all places are taken,
 * a body that has stalled gives its place to one that comes: bodies that never end would keep everybody else out. Returns
 * the budget of the first.
 */
export function limitBodies(
  server: FastifyInstance,
  limits: BodyLimits,
  answer: (error: CairnError, reply: FastifyReply) => void,
): Budget {
  const { maxBodies, minBodyRate, bodyTimeoutMs } = limits;
  const rule = `at least ${minBodyRate} bytes per second over ${bodyTimeoutMs / 1000} s`;
  const receiving = new Set<ReceivedBody>();
  let refusals = 0;
  server.addHook('onRequest', ({ raw }, reply, done) => {
    if (raw.complete || !announcesBody(raw)) {
      done();
      return;
    }
    if (receiving.size >= maxBodies) longestStalled(receiving)?.cutOff();
    if (receiving.size >= maxBodies) {
      refusals++;
      answer(new CairnError('busy', `${maxBodies} bodies are being received; try again shortly.`), reply);
      // The body would be as large as the others.
      endConnection(raw, reply);
      return;
    }
    const body = new ReceivedBody(raw, limits, () => {
      forget();
      if (!reply.sent) answer(new CairnError('request-timeout', `The body came too slowly: ${rule}.`), reply);
      endConnection(raw, reply);
    });
    const forget = () => {
      raw.off('end', forget).off('close', forget);
      body.stopWatching();
      receiving.delete(body);
    };
    receiving.add(body);
    raw.once('end', forget).once('close', forget);
    done();
  });
  return {
    name: 'http_bodies',
    help: 'Request bodies that are being received.',
    limit: maxBodies,
    inUse: () => receiving.size,
    refused: () => refusals,
  };
}

export function announcesBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Watches at which rate one body comes. */
class ReceivedBody {
  /** Since when it has come at less than the least rate; undefined while it does not. */
  stalledSince: number | undefined;
  private readonly timers: readonly NodeJS.Timeout[];

  /** `cutOff` is called when less than the least rate arrived in one period of the limits. */
  constructor(
    private readonly raw: IncomingMessage,
    private readonly limits: BodyLimits,
    readonly cutOff: () => void,
  ) {
    const looking = (everyMs: number, look: (isSlow: boolean) => void) => {
      const isSlow = this.meter(everyMs);
      return setInterval(() => look(isSlow()), everyMs).unref();
    };
    this.timers = [
      looking(limits.bodyTimeoutMs, (isSlow) => {
        if (isSlow) cutOff();
      }),
      looking(STALL_MS, (isSlow) => {
        this.stalledSince = isSlow ? (this.stalledSince ?? Date.now()) : undefined;
      }),
    ];
  }

  stopWatching(): void {
    for (const timer of this.timers) clearInterval(timer);
  }

  /** Whether less than the least rate came since the last call, which was `periodMs` ago. */
  private meter(periodMs: number): () => boolean {
    const { socket } = this.raw;
    const least = Math.max(1, (this.limits.minBodyRate * periodMs) / 1000);
    let before = socket.bytesRead;
    return () => {
      const received = socket.bytesRead - before;
      before = socket.bytesRead;
      // Bytes that wait to be read: the server is the slow one.
      return received < least && this.raw.readableLength === 0 && !this.raw.complete;
    };
  }
}

function longestStalled(bodies: Iterable<ReceivedBody>): ReceivedBody | undefined {
  let longest: ReceivedBody | undefined;
  for (const body of bodies) {
    if (body.stalledSince !== undefined && body.stalledSince < (longest?.stalledSince ?? Infinity)) longest = body;
  }
  return longest;
}

/** Closes the connection behind the answer. */
export function endConnection(raw: IncomingMessage, reply: FastifyReply): void {
  if (reply.raw.writableFinished) raw.socket.destroySoon();
  else reply.raw.once('finish', () => raw.socket.destroySoon());
}
