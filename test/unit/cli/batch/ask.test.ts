import { expect, test } from '@jest/globals';
import { ask, bodyOf, isThere } from '../../../../src/cli/batch/ask.js';
import { useHttpServers } from '../../../support/http-server.js';

const { serve, close } = useHttpServers();
const never = new AbortController().signal;

const problem = (status: number, body: unknown) =>
  serve((_, response) => {
    response.writeHead(status, { 'content-type': 'application/problem+json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });

test.each([
  ['Cairn', { code: 'queue-full', detail: 'Full.' }, { code: 'queue-full', message: 'Full.' }],
  ['a newer server', { code: 'moon-full', detail: 'Full.' }, { code: 'server-failed', message: 'Full. (moon-full)' }],
  ['a proxy', '<html>502</html>', { code: 'server-failed', message: expect.stringMatching(/\/x with status 502/) }],
  ['a long answer', 'x'.repeat(1 << 20), { code: 'server-failed' }],
])('a problem of %s becomes an error', async (_, body, expected) => {
  const url = await problem(502, body);
  await expect(ask(`${url}/x`, { signal: never })).rejects.toMatchObject(expected);
});

test('a server that is not there, or hangs up, is unreachable', async () => {
  const url = await serve((request) => request.socket.destroy());
  await expect(ask(url, { signal: never })).rejects.toMatchObject({ code: 'server-unreachable', transient: true });
  await close();
  await expect(ask(url, { signal: never })).rejects.toMatchObject({
    code: 'server-unreachable',
    message: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+ does not answer \(ECONNREFUSED\)\.$/),
  });
});

test('a body that breaks off is a server that is away; what came before is kept', async () => {
  const url = await serve((_, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('begun', () => response.destroy());
  });
  const response = await ask(url, { signal: never });
  let text = '';
  const read = async () => {
    for await (const chunk of bodyOf(response, never)) text += Buffer.from(chunk).toString();
  };
  await expect(read()).rejects.toMatchObject({ code: 'server-unreachable' });
  expect(text).toBe('begun');
});

test('an interruption is told from a server that is away', async () => {
  const url = await serve(() => undefined);
  const stop = new AbortController();
  const asked = ask(url, { signal: stop.signal });
  stop.abort();
  await expect(asked).rejects.toMatchObject({ code: 'cancelled' });
});

test('HEAD tells whether something is there', async () => {
  const url = await serve((request, response) => {
    response.writeHead(
      request.method !== 'HEAD' ? 405 : request.url === '/yes' ? 200 : request.url === '/no' ? 404 : 503,
    );
    response.end();
  });
  expect(await isThere(`${url}/yes`, { signal: never })).toBe(true);
  expect(await isThere(`${url}/no`, { signal: never })).toBe(false);
  await expect(isThere(`${url}/what`, { signal: never })).rejects.toMatchObject({ code: 'server-failed' });
});
