import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fetchImage } from '../../../src/images/fetch.js';
import { collect } from '../../support/chunks.js';

let server: Server;
let base: string;
/** What the server does with a request, by path. */
let routes: Record<string, RequestListener>;
let requests: IncomingMessage[];

beforeEach(async () => {
  routes = {};
  requests = [];
  server = createServer((request, response) => {
    requests.push(request);
    const route = routes[request.url!];
    if (route) route(request, response);
    else response.writeHead(404).end('not here');
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const redirect =
  (location: string, status = 302): RequestListener =>
  (_, response) => {
    response.writeHead(status, { location }).end('moved');
  };
const image: RequestListener = (_, response) => response.end('image bytes');
const fetchHere = (path: string, signal?: AbortSignal) => fetchImage(base + path, { allowPrivate: true, signal });
const read = async (path: string) => (await collect((await fetchHere(path)) as AsyncIterable<Uint8Array>)).toString();

describe('fetchImage', () => {
  test('gives the body, and says who asks for what', async () => {
    routes['/cat.jpg'] = image;
    expect(await read('/cat.jpg')).toBe('image bytes');
    expect(requests[0]!.headers).toMatchObject({ accept: 'image/*', 'user-agent': 'cairn' });
  });

  test.each([301, 302, 303, 307, 308])('follows a redirect of status %i, relative or absolute', async (status) => {
    routes['/a/first'] = redirect('second', status);
    routes['/a/second'] = redirect(`${base}/cat.jpg`, status);
    routes['/cat.jpg'] = image;
    expect(await read('/a/first')).toBe('image bytes');
    expect(requests.map(({ url }) => url)).toEqual(['/a/first', '/a/second', '/cat.jpg']);
  });

  test('follows five redirects, and not six', async () => {
    for (let i = 0; i < 6; i++) routes[`/${i}`] = redirect(`/${i + 1}`);
    routes['/6'] = image;
    expect(await read('/1')).toBe('image bytes');
    await expect(fetchHere('/0')).rejects.toMatchObject({
      code: 'url-rejected',
      message: expect.stringContaining('redirects more than 5 times'),
    });
  });

  test('a redirect that goes round in circles ends', async () => {
    routes['/'] = redirect('/');
    await expect(fetchHere('/')).rejects.toMatchObject({ code: 'url-rejected' });
    expect(requests).toHaveLength(6);
  });

  test.each(['file:///etc/passwd', 'ftp://127.0.0.1/x', 'data:image/png;base64,AAAA', 'javascript:1'])(
    'a redirect to %s is forbidden',
    async (location) => {
      routes['/'] = redirect(location);
      await expect(fetchHere('/')).rejects.toMatchObject({ code: 'url-forbidden' });
    },
  );

  test('a redirect to an invalid URL is rejected for good', async () => {
    routes['/'] = redirect('http://[not-an-address/');
    await expect(fetchHere('/')).rejects.toMatchObject({ name: 'CairnError', code: 'url-rejected' });
  });

  test.each([
    [400, 'url-rejected'],
    [401, 'url-rejected'],
    [404, 'url-rejected'],
    [410, 'url-rejected'],
    [408, 'url-unreachable'],
    [429, 'url-unreachable'],
    [500, 'url-unreachable'],
    [503, 'url-unreachable'],
  ])('status %i is %s, and names the server but not the whole URL', async (status, code) => {
    routes['/?token=secret'] = (_, response) => response.writeHead(status).end();
    const failing = fetchHere('/?token=secret');
    await expect(failing).rejects.toMatchObject({ code, message: `${base} answered with status ${status}.` });
  });

  test('the body of a refused answer is not read to its end, which may never come', async () => {
    const closed = new Promise((resolve) => {
      routes['/'] = (_, response) => {
        response.writeHead(404);
        const timer = setInterval(() => response.write(Buffer.alloc(1000)), 5);
        response.once('close', () => {
          clearInterval(timer);
          resolve('closed');
        });
      };
    });
    await expect(fetchHere('/')).rejects.toMatchObject({ code: 'url-rejected' });
    expect(await Promise.race([closed, sleep(1000, 'still open')])).toBe('closed');
  });

  test('a server that closes without an answer is unreachable, as is one that is not there', async () => {
    routes['/'] = (request) => request.socket.destroy();
    await expect(fetchHere('/')).rejects.toMatchObject({ code: 'url-unreachable', transient: true });
    const gone = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await expect(fetchImage(gone, { allowPrivate: true })).rejects.toMatchObject({ code: 'url-unreachable' });
    server.listen(0, '127.0.0.1');
  });

  test.each([
    ['a length that it does not reach', { 'content-length': '1000' }],
    ['chunks', { 'transfer-encoding': 'chunked' }],
  ])('a server that closes in the middle of a body of %s fails the reader', async (_, headers) => {
    routes['/'] = (request, response) => {
      response.writeHead(200, headers);
      response.write('half an image', () => setTimeout(() => request.socket.destroy(), 20));
    };
    const response = await fetchHere('/');
    await expect(collect(response as AsyncIterable<Uint8Array>)).rejects.toThrow(/aborted/);
  });

  test('an aborted signal ends the wait for an answer, and the reading of it', async () => {
    routes['/silent'] = () => undefined;
    routes['/slow'] = (_, response) => response.writeHead(200).write('a little');
    const stop = new AbortController();
    const waiting = fetchHere('/silent', stop.signal);
    const reading = collect((await fetchHere('/slow', stop.signal)) as AsyncIterable<Uint8Array>);
    const both = Promise.allSettled([waiting, reading]);
    stop.abort();
    expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    // Well before the time limit on silence, which would end both as well.
  }, 5000);
});

describe('fetchImage where private addresses are not allowed', () => {
  const outside = (url: string) => fetchImage(url, { allowPrivate: false });

  test('does not even connect to this machine, by address or by name', async () => {
    routes['/'] = image;
    const { port } = new URL(base);
    for (const host of ['127.0.0.1', 'localhost', '127.1', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]']) {
      await expect(outside(`http://${host}:${port}/`)).rejects.toMatchObject({ code: 'url-forbidden' });
    }
    expect(requests).toHaveLength(0);
  });

  test.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '[::]',
    '[::1]',
    '[fe80::1]',
    '[fd00::1]',
    '[ff02::1]',
    '[::ffff:10.0.0.1]',
    '[64:ff9b::a00:1]',
  ])('%s is forbidden', async (host) => {
    await expect(outside(`http://${host}:9/`)).rejects.toMatchObject({
      code: 'url-forbidden',
      message: expect.stringMatching(/^Images are not fetched from the private address /),
    });
  });

  // The signal is aborted from the beginning, so nothing is sent: what counts is that the address is not the reason.
  test.each(['8.8.8.8', '93.184.216.34', '172.32.0.1', '11.0.0.1', '[2606:4700::1111]'])('%s is not', async (host) => {
    const attempt = fetchImage(`http://${host}:9/`, { allowPrivate: false, signal: AbortSignal.abort() });
    await expect(attempt).rejects.toMatchObject({ code: 'url-unreachable' });
  });

  test.each(['file:///etc/passwd', 'ftp://example.org/', 'gopher://example.org/'])('%s is forbidden', async (url) => {
    await expect(outside(url)).rejects.toMatchObject({ code: 'url-forbidden' });
    await expect(fetchImage(url, { allowPrivate: true })).rejects.toMatchObject({ code: 'url-forbidden' });
  });
});
