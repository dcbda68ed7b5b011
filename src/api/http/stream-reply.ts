import type { FastifyReply } from 'fastify';
import type { Readable } from 'node:stream';

/** Answers with a stream that goes on for as long as its batch. */
export async function sendGrowing(reply: FastifyReply, type: string, body: Readable): Promise<void> {
  const headers = { 'content-type': type, 'cache-control': 'no-store', 'x-accel-buffering': 'no' };
  const sent = reply.headers(headers).send(body);
  // The first bytes may be long in coming; that the answer has begun is told at once.
  setImmediate(() => {
    if (!reply.raw.headersSent && reply.raw.hasHeader('content-type')) reply.raw.flushHeaders();
  });
  await sent;
}
