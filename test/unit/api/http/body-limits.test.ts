import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { fastify, type FastifyInstance } from 'fastify';
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { limitBodies } from '../../../../src/api/http/body-limits.js';

const PLACES = 3;
const HEAD = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 100000\r\n\r\n';
const PIECE = 'x'.repeat(200);

let server: FastifyInstance;
let url: string;
let clients: { socket: Socket; answer: string }[];

beforeEach(async () => {
  clients = [];
  server = fastify();
  limitBodies(server, { maxBodies: PLACES, bodyTimeoutMs: 600_000, minBodyRate: 100 }, ({ code }, reply) => {
    void reply.status(code === 'busy' ? 503 : 408).send(code);
  });
  server.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  server.post('/', async (request, reply) => {
    await once(request.raw.resume(), 'end');
    await reply.send('whole');
  });
  await server.listen({ port: 0, host: '127.0.0.1' });
  url = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  for (const { socket } of clients) socket.destroy();
  await server.close();
});

/** A client that has begun a body. */
async function begin() {
  const client = { socket: connect(Number(new URL(url).port), '127.0.0.1'), answer: '' };
  client.socket.on('error', () => undefined);
  client.socket.setEncoding('latin1').on('data', (text: string) => (client.answer += text));
  clients.push(client);
  await once(client.socket, 'connect');
  client.socket.write(HEAD);
  return client;
}

async function post(): Promise<string> {
  const response = await fetch(url, { method: 'POST', body: new Uint8Array(10) });
  return response.text();
}

/** Posts until it is over, for as long as it may take a body to count as stalled on a busy machine. */
async function postUntil(isOver: (answer: string) => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!isOver(await post())) {
    if (Date.now() > deadline) throw new Error('no body gave its place up');
    await delay(100);
  }
}

test('when all places are taken, the body that has stalled longest gives its place up', async () => {
  const first = await begin();
  for (let i = 1; i < PLACES; i++) {
    await delay(300);
    await begin();
  }
  // Once the server knows of all of them; nobody has stalled for long.
  await postUntil((answer) => answer === 'busy');
  await postUntil((answer) => answer === 'whole');
  await once(first.socket, 'close', { signal: AbortSignal.timeout(10_000) });
  expect(first.answer).toMatch(/^HTTP\/1\.1 408/);
  expect(clients.slice(1).map(({ answer }) => answer)).toEqual(['', '']);
});

test('while there are places, one that stalls keeps its own; one that comes at the least rate always does', async () => {
  const quick = await begin();
  const sending = setInterval(() => quick.socket.write(PIECE), 50);
  try {
    const stalled = await begin();
    await delay(4500);
    expect(await post()).toBe('whole');
    await begin();
    await postUntil(() => stalled.answer !== '');
    expect(clients.map(({ answer }) => answer.slice(0, 12))).toEqual(['', 'HTTP/1.1 408', '']);
  } finally {
    clearInterval(sending);
  }
});
