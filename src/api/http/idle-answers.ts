import type { FastifyInstance } from 'fastify';

/**
 * Disconnects clients that take nothing of their answer for `timeoutMs`: what waits for them is held in memory. An answer
 * that has nothing to send yet is no reason, so event streams and long jobs stay.
 */
export function endIdleAnswers(server: FastifyInstance, timeoutMs: number): void {
  server.addHook('onRequest', ({ raw: { socket } }, { raw }, done) => {
    // Node restarts the timeout with whatever is sent or received, also with a part of a large write.
    raw.setTimeout(timeoutMs, () => {
      if (raw.writableLength > 0 || socket.writableLength > 0) socket.destroy();
    });
    done();
  });
}
