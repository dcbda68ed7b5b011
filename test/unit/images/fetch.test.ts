import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import http, { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ImageFetcher, type FetchLimits } from '../../../src/images/fetch.js';
import { UrlPolicy } from '../../../src/images/url-policy.js';
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
const LIMITS: FetchLimits = { timeoutMs: 30_000, minRate: 0, maxRedirects: 5 };
const never = new AbortController().signal;
const text = async (body: AsyncIterable<Uint8Array>) => (await collect(body)).toString();

function fetchHere(path: string, { signal = never, ...limits }: Partial<FetchLimits> & { signal?: AbortSignal } = {}) {
  const fetcher = new ImageFetcher(UrlPolicy.parse('127.0.0.1'), { ...LIMITS, ...limits });
  return fetcher.fetch(URL.canParse(path) ? path : base + path, signal, text);
}

describe('ImageFetcher', () => {
  test('gives the body, and says who asks for what', async () => {
    routes['/cat.jpg'] = image;
    expect(await fetchHere('/cat.jpg')).toBe('image bytes');
    expect(requests[0]!.headers).toMatchObject({ accept: 'image/*', 'user-agent': 'cairn' });
  });

  test.each([301, 302, 303, 307, 308])('follows a redirect of status %i, relative or absolute', async (status) => {
    routes['/a/first'] = redirect('second', status);
    routes['/a/second'] = redirect(`${base}/cat.jpg`, status);
    routes['/cat.jpg'] = image;
    expect(await fetchHere('/a/first')).toBe('image bytes');
    expect(requests.map(({ url }) => url)).toEqual(['/a/first', '/a/second', '/cat.jpg']);
  });

  test('follows five redirects, and not six', async () => {
    for (let i = 0; i < 6; i++) routes[`/${i}`] = redirect(`/${i + 1}`);
    routes['/6'] = image;
    expect(await fetchHere('/1')).toBe('image bytes');
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
    await expect(fetchHere(gone)).rejects.toMatchObject({ code: 'url-unreachable' });
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
    await expect(fetchHere('/')).rejects.toMatchObject({
      code: 'url-unreachable',
      message: expect.stringContaining('aborted'),
    });
  });

  test('an aborted signal ends the wait for an answer, and the reading of it', async () => {
    routes['/silent'] = () => undefined;
    routes['/slow'] = (_, response) => response.writeHead(200).write('a little');
    const stop = new AbortController();
    const { signal } = stop;
    const both = Promise.allSettled([fetchHere('/silent', { signal }), fetchHere('/slow', { signal })]);
    await sleep(100);
    stop.abort();
    expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await both).toMatchObject([{ reason: { code: 'cancelled' } }, { reason: { code: 'cancelled' } }]);
    // Well before the deadline, which would end both as well.
  }, 5000);

  /** One byte now and then, for ever: never silent for long. */
  const drip: RequestListener = (_, response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write('x'), 100);
    response.once('close', () => clearInterval(timer));
  };

  test('a download that takes too long is given up, however often a byte comes', async () => {
    routes['/drip'] = drip;
    await expect(fetchHere('/drip', { timeoutMs: 500 })).rejects.toMatchObject({
      code: 'url-unreachable',
      message: `${base} did not send the image within 0.5 s.`,
    });
  }, 5000);

  test('the deadline is for all redirects together', async () => {
    for (let i = 0; i < 5; i++) {
      routes[`/${i}`] = (_, response) =>
        setTimeout(() => response.writeHead(302, { location: `/${i + 1}` }).end(), 200);
    }
    routes['/5'] = image;
    await expect(fetchHere('/0', { timeoutMs: 500 })).rejects.toMatchObject({ code: 'url-unreachable' });
    expect(await fetchHere('/4', { timeoutMs: 500 })).toBe('image bytes');
  }, 5000);

  test('a download that comes too slowly is given up before its deadline', async () => {
    routes['/drip'] = drip;
    const begun = Date.now();
    await expect(fetchHere('/drip', { minRate: 1024 })).rejects.toMatchObject({
      code: 'url-unreachable',
      message: `${base} sends less than 1024 bytes per second.`,
    });
    expect(Date.now() - begun).toBeLessThan(10_000);
  }, 15_000);

  test('a reader that takes its time is not the fault of the server', async () => {
    routes['/big'] = (_, response) => response.end(Buffer.alloc(32 << 20));
    const fetcher = new ImageFetcher(UrlPolicy.parse('127.0.0.1'), { ...LIMITS, minRate: 1 << 20 });
    const size = await fetcher.fetch(`${base}/big`, never, async (body) => {
      await sleep(6000);
      return (await collect(body as AsyncIterable<Uint8Array>)).length;
    });
    expect(size).toBe(32 << 20);
  }, 15_000);

  test('a failure of the reader stays what it is, and ends the connection', async () => {
    const closed = new Promise((resolve) => {
      routes['/'] = (_, response) => {
        response.writeHead(200).write('half');
        response.once('close', () => resolve('closed'));
      };
    });
    const fetcher = new ImageFetcher(UrlPolicy.parse('127.0.0.1'), LIMITS);
    const failing = fetcher.fetch(base, never, () => Promise.reject(new Error('the disk is full')));
    await expect(failing).rejects.toThrow('the disk is full');
    expect(await Promise.race([closed, sleep(1000, 'still open')])).toBe('closed');
  });

  test('no message has more of a URL than its origin', async () => {
    for (let i = 0; i < 7; i++) routes[`/${i}?token=secret`] = redirect(`/${i + 1}?token=secret`);
    routes['/cut?token=secret'] = (request) => request.socket.destroy();
    const { host } = new URL(base);
    for (const path of ['/0', '/cut', '/absent']) {
      const failing = fetchHere(`http://user:password@${host}${path}?token=secret#part`);
      await expect(failing).rejects.toMatchObject({ message: expect.stringContaining(base) });
      await expect(failing).rejects.toMatchObject({
        message: expect.not.stringMatching(/user|password|token|secret|part/),
      });
    }
  });

  // As NODE_USE_ENV_PROXY makes of them in later versions of Node.
  test('does not use the global agents, which may lead to a proxy', async () => {
    routes['/'] = image;
    const before = http.globalAgent;
    http.globalAgent = Object.assign(new http.Agent(), {
      addRequest() {
        throw new Error('the global agent was used');
      },
    });
    try {
      expect(await fetchHere('/')).toBe('image bytes');
    } finally {
      http.globalAgent = before;
    }
  });
});

describe('ImageFetcher where no private address is allowed', () => {
  const outside = (url: string, signal = never) =>
    new ImageFetcher(UrlPolicy.parse(''), LIMITS).fetch(url, signal, text);

  test('does not even connect to this machine, by address or by name', async () => {
    routes['/'] = image;
    const { port } = new URL(base);
    for (const host of ['127.0.0.1', 'localhost', '127.1', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]']) {
      await expect(outside(`http://${host}:${port}/`)).rejects.toMatchObject({ code: 'url-forbidden' });
    }
    expect(requests).toHaveLength(0);
  });

  test('does not follow a redirect to this machine', async () => {
    routes['/'] = redirect('http://127.0.0.2:9/');
    await expect(fetchHere('/')).rejects.toMatchObject({
      code: 'url-forbidden',
      message: expect.stringMatching(/^Images are not fetched from 127\.0\.0\.2: /),
    });
  });

  test('a name is judged by the address that it leads to, which the message does not give away', async () => {
    const failing = outside(`http://localhost:${new URL(base).port}/`);
    await expect(failing).rejects.toMatchObject({
      code: 'url-forbidden',
      message: expect.not.stringContaining('127.'),
    });
  });

  // The signal is aborted from the beginning, so nothing is sent: the address is not the reason.
  test.each(['8.8.8.8', '[2606:4700::1111]'])('%s is asked', async (host) => {
    const attempt = outside(`http://${host}:9/`, AbortSignal.abort());
    await expect(attempt).rejects.toMatchObject({ code: 'cancelled' });
  });

  test.each(['file:///etc/passwd', 'ftp://example.org/', 'gopher://example.org/'])('%s is forbidden', async (url) => {
    await expect(outside(url)).rejects.toMatchObject({ code: 'url-forbidden' });
    await expect(fetchHere(url)).rejects.toMatchObject({ code: 'url-forbidden' });
  });
});
