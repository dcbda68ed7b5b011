import type { FastifyInstance } from 'fastify';

/** Enough for most clients that send all of a refused image before they read why. */
const LINGER_MS = 30_000;

/**
 * What is left of a body after its answer is read past, so that the connection can go on. A body that has not ended
 * `lingerMs` after the answer is cut off with its connection: it may be one that never ends.
 */
export function limitUnread(server: FastifyInstance, lingerMs = LINGER_MS): void {
  server.addHook('onResponse', ({ raw }, _reply, done) => {
    const cut = () => {
      if (!raw.complete) raw.socket.destroy();
    };
    if (!raw.complete) setTimeout(cut, lingerMs).unref();
    done();
  });
}
