import type { FastifyInstance, FastifyReply } from 'fastify';
import { CairnError } from '../../errors.js';

/**
 * Refuses requests with several `Host` headers (RFC 9112, 3.2): Node reads the first, and a proxy in front may have decided by
 * another.
 */
export function demandOneHost(server: FastifyInstance, answer: (error: CairnError, reply: FastifyReply) => void): void {
  server.addHook('onRequest', ({ raw: { rawHeaders } }, reply, done) => {
    const hosts = rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'host').length;
    if (hosts > 1) answer(new CairnError('request-malformed', `The request has ${hosts} Host headers.`), reply);
    else done();
  });
}
