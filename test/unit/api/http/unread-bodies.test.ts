import { afterEach, beforeEach, expect, test } from '@jest/globals';
import multipart from '@fastify/multipart';
import { fastify, type FastifyInstance } from 'fastify';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
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

test('a large form that is refused before its file is read leaves the connection for the next request', async () => {
  const forms = fastify();
  abortUnreadBodies(forms, 20_000);
  await forms.register(multipart);
  forms.post('/', async (request, reply) => {
    for await (const part of request.parts()) {
      await reply.status(400).send(part.fieldname);
      break;
    }
  });
  await forms.listen({ port: 0, host: '127.0.0.1' });
  try {
    const file = new File([new Uint8Array(2 << 20)], 'large.png');
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const { port } = forms.server.address() as AddressInfo;
    const form = new FormData();
    form.set('image', file);
    const { headers, body } = new Request('http://x/', { method: 'POST', body: form });
    const bytes = Buffer.from(await new Response(body).arrayBuffer());
    const post = () =>
      new Promise<number>((resolve, reject) => {
        const type = headers.get('content-type')!;
        const sent = request(
          {
            host: '127.0.0.1',
            port,
            method: 'POST',
            agent,
            headers: { 'content-type': type, 'content-length': bytes.length },
          },
          (answer) => answer.resume().once('end', () => resolve(answer.statusCode!)),
        );
        sent.once('error', reject).end(bytes);
      });
    // The second is sent once the first is answered, over the same connection.
    const answered = Promise.all([post(), post()]);
    expect(await Promise.race([answered, delay(10_000, 'no answer')])).toEqual([400, 400]);
    agent.destroy();
  } finally {
    forms.server.closeAllConnections();
    await forms.close();
  }
});
