import type { FastifyInstance } from 'fastify';

/** Enough for most clients that send all of a refused image before they read the answer. */
const LINGER_MS = 30_000;

/**
 * The rest of a body is drained after its answer, to keep the connection alive. A body that has not ended `lingerMs`
 * after the answer is cut off with its connection: it may never end.
 */
export function abortUnreadBodies(server: FastifyInstance, lingerMs = LINGER_MS): void {
  server.addHook('onResponse', ({ raw }, _reply, done) => {
    const cut = () => {
      if (!raw.complete) raw.socket.destroy();
    };
    if (!raw.complete) {
      setTimeout(cut, lingerMs).unref();
      // A parser of a form that was left holds back what it was to get, and with it the next request of the connection.
      raw.unpipe().resume();
    }
    done();
  });
}
