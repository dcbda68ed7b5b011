import { expect, test } from '@jest/globals';
import type { IncomingHttpHeaders } from 'node:http';
import { Connection } from '../../../src/client/connection.js';
import { useHttpServers } from '../../support/http-server.js';

const { serve, close } = useHttpServers();

const problem = (status: number, body: unknown) =>
  serve((_, response) => {
    response.writeHead(status, { 'content-type': 'application/problem+json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });

test.each([
  ['Cairn', { code: 'queue-full', detail: 'Full.' }, { code: 'queue-full', message: 'Full.', transient: true }],
  [
    'a newer server',
    { code: 'moon-full', detail: 'Full.' },
    { code: 'server-failed', serverCode: 'moon-full', message: 'Full. (moon-full)' },
  ],
  ['a proxy', '<html>502</html>', { code: 'server-failed', message: expect.stringMatching(/\/x with status 502/) }],
  ['a long answer', 'x'.repeat(1 << 20), { code: 'server-failed', transient: true }],
])('a problem of %s becomes an error', async (_, body, expected) => {
  const connection = new Connection(await problem(502, body));
  await expect(connection.once('/x')).rejects.toMatchObject({ ...expected, status: 502 });
});

test('an address that has no Cairn is no outage, and is not asked again', async () => {
  const outages: unknown[] = [];
  const connection = new Connection(await problem(404, '<html>'), {
    retry: { onOutage: (error) => outages.push(error) },
  });
  await expect(connection.request('/x')).rejects.toMatchObject({ code: 'server-failed', transient: false });
  await expect(connection.json('/x')).rejects.toMatchObject({ status: 404 });
  expect(outages).toEqual([]);
});

test('a server that is not there, or hangs up, is unreachable', async () => {
  const url = await serve((request) => request.socket.destroy());
  await expect(new Connection(url).once('')).rejects.toMatchObject({ code: 'server-unreachable', transient: true });
  await close();
  await expect(new Connection(url).once('')).rejects.toMatchObject({
    code: 'server-unreachable',
    message: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+ does not answer \(ECONNREFUSED\)\.$/),
  });
});

test('a body that breaks off is a server that is away; what came before is kept', async () => {
  const url = await serve((_, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('begun', () => response.destroy());
  });
  const connection = new Connection(url);
  const response = await connection.once('');
  let text = '';
  const read = async () => {
    for await (const chunk of connection.bytes(response)) text += Buffer.from(chunk).toString();
  };
  await expect(read()).rejects.toMatchObject({ code: 'server-unreachable' });
  expect(text).toBe('begun');
});

test.each(['of the call', 'of the client'])('the signal %s ends a request by its reason', async (whose) => {
  const stop = new AbortController();
  const url = await serve(() => stop.abort(new Error('enough')));
  const call = whose === 'of the call' ? { signal: stop.signal } : {};
  const connection = new Connection(url, whose === 'of the call' ? {} : { signal: stop.signal });
  await expect(connection.request('', call)).rejects.toThrow('enough');
  await expect(connection.request('', call)).rejects.toThrow('enough');
});

test('what may pass is repeated, not before the time that the server names', async () => {
  const times: number[] = [];
  const url = await serve((_, response) => {
    times.push(performance.now());
    if (times.length === 1) response.writeHead(503, { 'retry-after': '1' });
    response.end('{"done":true}');
  });
  expect(await new Connection(url).json('/')).toEqual({ done: true });
  expect(times).toHaveLength(2);
  // The server's clock starts when it has the request, so that a slow machine only makes this longer.
  expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(990);
});

test('a fault is repeated only where the request allows it; a body that can be sent once never', async () => {
  let asked = 0;
  const url = await serve((_, response) => {
    asked++;
    response.writeHead(500).end(JSON.stringify({ code: 'engine-failed', detail: 'Broken.' }));
  });
  const connection = new Connection(url, { retry: { limitMs: 1 } });
  await expect(connection.request('/', { repeatFaults: false })).rejects.toMatchObject({ code: 'engine-failed' });
  expect(asked).toBe(1);
  await expect(connection.request('/', { repeatable: false })).rejects.toMatchObject({ transient: true });
  expect(asked).toBe(2);
  await expect(connection.request('/')).rejects.toMatchObject({ code: 'engine-failed' });
  expect(asked).toBe(4);
});

test('the key and the headers go with every request, and the query leaves out what is undefined', async () => {
  const seen: [string, IncomingHttpHeaders][] = [];
  const url = await serve((request, response) => {
    seen.push([request.url!, request.headers]);
    response.end('{}');
  });
  const connection = new Connection(`${url}/below/`, { apiKey: 'secret', headers: { 'x-trace': '7' } });
  await connection.json('/v1/jobs', { query: { levels: ['C2', 'C3'], size: 64, stage5: false, model: undefined } });
  const [path, headers] = seen[0]!;
  expect(path).toBe('/below/v1/jobs?levels=C2%2CC3&size=64&stage5=false');
  expect(headers).toMatchObject({ authorization: 'Bearer secret', 'x-trace': '7' });
});

test('HEAD says whether something is there', async () => {
  const url = await serve((request, response) => {
    const status = request.url === '/yes' ? 200 : request.url === '/no' ? 404 : 403;
    response.writeHead(request.method === 'HEAD' ? status : 405).end();
  });
  const connection = new Connection(url);
  expect(await connection.isThere('/yes')).toBe(true);
  expect(await connection.isThere('/no')).toBe(false);
  await expect(connection.isThere('/what')).rejects.toMatchObject({ code: 'scope-missing', status: 403 });
});
