import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { fastify, type FastifyInstance } from 'fastify';
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { abortUnreadBodies } from '../../../../src/api/http/unread-bodies.js';

const LINGER_MS = 300;
const CHUNK = '4\r\nmore\r\n';
const LAST = '0\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';

let server: FastifyInstance;
let client: Socket;
let answers: string;

beforeEach(async () => {
  server = fastify();
  abortUnreadBodies(server, LINGER_MS);
  server.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  // Refuses before it has read anything.
  server.post('/', async (request, reply) => {
    request.raw.resume();
    await reply.status(400).send('no');
  });
  await server.listen({ port: 0, host: '127.0.0.1' });
  client = connect((server.server.address() as AddressInfo).port, '127.0.0.1');
  answers = '';
  client.setEncoding('latin1').on('data', (text: string) => (answers += text));
  client.on('error', () => undefined);
});

afterEach(async () => {
  client.destroy();
  await server.close();
});

test('a body that goes on for ever after its answer is cut off', async () => {
  client.write(`${POST}${CHUNK}`);
  const dripping = setInterval(() => client.write(CHUNK), 20);
  try {
    await once(client, 'close', { signal: AbortSignal.timeout(10_000) });
  } finally {
    clearInterval(dripping);
  }
  expect(answers).toMatch(/^HTTP\/1\.1 400/);
});

test('one that ends in time leaves the connection for the next request', async () => {
  client.write(`${POST}${CHUNK}`);
  await once(client, 'data');
  client.write(LAST);
  await delay(2 * LINGER_MS);
  client.write(`${POST}${LAST}`);
  await once(client, 'data', { signal: AbortSignal.timeout(10_000) });
  expect(answers.match(/HTTP\/1\.1 400/g)).toHaveLength(2);
});
