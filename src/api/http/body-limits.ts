import type { FastifyInstance, FastifyReply } from 'fastify';
import type { IncomingMessage } from 'node:http';
import { CairnError } from '../../errors.js';
import type { Budget } from '../../metrics/process-metrics.js';
import type { HttpLimits } from './limits.js';

type BodyLimits = Pick<HttpLimits, 'maxBodies' | 'bodyTimeoutMs' | 'minBodyRate'>;

/**
 * Bounds the bodies that are being received: how many at once (`busy`), and how slowly each may come (`request-timeout`,
 * after which the connection ends). Time in which the server does not read counts for nothing. Returns the budget of the first.
 */
export function limitBodies(
  server: FastifyInstance,
  limits: BodyLimits,
  answer: (error: CairnError, reply: FastifyReply) => void,
): Budget {
  let receiving = 0;
  let refusals = 0;
  server.addHook('onRequest', ({ raw }, reply, done) => {
    if (raw.complete || !announcesBody(raw)) {
      done();
      return;
    }
    if (receiving >= limits.maxBodies) {
      refusals++;
      answer(new CairnError('busy', `${limits.maxBodies} bodies are being received; try again shortly.`), reply);
      // The body would be as large as the others.
      endConnection(raw, reply);
      return;
    }
    receiving++;
    const slow = watchRate(raw, limits, () => {
      const { minBodyRate, bodyTimeoutMs } = limits;
      const rule = `at least ${minBodyRate} bytes per second over ${bodyTimeoutMs / 1000} s`;
      if (!reply.sent) answer(new CairnError('request-timeout', `The body came too slowly: ${rule}.`), reply);
      endConnection(raw, reply);
    });
    const ended = () => {
      raw.off('end', ended).off('close', ended);
      clearInterval(slow);
      receiving--;
    };
    raw.once('end', ended).once('close', ended);
    done();
  });
  return {
    name: 'http_bodies',
    help: 'Request bodies that are being received.',
    limit: limits.maxBodies,
    inUse: () => receiving,
    refused: () => refusals,
  };
}

function announcesBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Calls back when less than the least rate arrived in one period. */
function watchRate(raw: IncomingMessage, { bodyTimeoutMs, minBodyRate }: BodyLimits, tooSlow: () => void) {
  const { socket } = raw;
  const least = Math.max(1, (minBodyRate * bodyTimeoutMs) / 1000);
  let before = socket.bytesRead;
  return setInterval(() => {
    const received = socket.bytesRead - before;
    before = socket.bytesRead;
    // Bytes that wait to be read: the server is the slow one.
    if (received < least && raw.readableLength === 0 && !raw.complete) tooSlow();
  }, bodyTimeoutMs).unref();
}

/** Closes the connection behind the answer. */
function endConnection(raw: IncomingMessage, reply: FastifyReply): void {
  if (reply.raw.writableFinished) raw.socket.destroySoon();
  else reply.raw.once('finish', () => raw.socket.destroySoon());
}
