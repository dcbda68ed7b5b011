import type { FastifyReply } from 'fastify';
import type { Readable } from 'node:stream';

/** Answers with a stream that lasts as long as its batch runs. */
export async function streamReply(reply: FastifyReply, type: string, body: Readable): Promise<void> {
  const headers = { 'content-type': type, 'cache-control': 'no-store', 'x-accel-buffering': 'no' };
  const sent = reply.headers(headers).send(body);
  // The first bytes may take long; the headers tell the client at once that the answer has begun.
  setImmediate(() => {
    if (!reply.raw.headersSent && reply.raw.hasHeader('content-type')) reply.raw.flushHeaders();
  });
  await sent;
}
