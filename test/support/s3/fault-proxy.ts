import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What happens to one request, or to its response. */
export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly code: string }
  /** The connection ends when so many bytes of the response's body have come. */
  | { readonly kind: 'cut-response'; readonly after: number }
  /** The connection ends when so many bytes of the request's body have gone. */
  | { readonly kind: 'cut-request'; readonly after: number }
  /** The server does what it is asked, but its answer is lost. */
  | { readonly kind: 'lose-response' }
  | { readonly kind: 'slow'; readonly ms: number }
  /** Nothing is answered. */
  | { readonly kind: 'silent' };

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
}

/** Decides about each request; undefined lets it pass. */
export type Choose = (request: Seen) => Fault | undefined;

export interface FaultProxy {
  readonly url: string;
  /** All requests so far. */
  readonly seen: readonly Seen[];
  /** Bytes of bodies that have been sent to clients. */
  readonly bytes: number;
  choose: Choose | undefined;
  close(): Promise<void>;
}

/** An HTTP proxy in front of one server that fails as it is told. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  let bytes = 0;
  const server = createServer((incoming, outgoing) => {
    const entry = { method: incoming.method!, url: incoming.url!, headers: incoming.headers };
    seen.push(entry);
    pass(incoming, outgoing, target, proxy.choose?.(entry), (length) => (bytes += length)).catch(() => {
      incoming.destroy();
      outgoing.destroy();
    });
  });
  const seen: Seen[] = [];
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: FaultProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    get bytes() {
      return bytes;
    },
    choose: undefined,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

async function pass(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  target: string,
  fault: Fault | undefined,
  count: (bytes: number) => void,
): Promise<void> {
  if (fault?.kind === 'silent') return;
  if (fault?.kind === 'slow') await sleep(fault.ms);
  if (fault?.kind === 'status') {
    incoming.resume();
    const body = `<?xml version="1.0"?><Error><Code>${fault.code}</Code><Message>made by the proxy</Message></Error>`;
    outgoing.writeHead(fault.status, { 'content-type': 'application/xml' }).end(body);
    return;
  }
  const { method, url, headers } = incoming;
  const upstream = request(new URL(url!, target), { method: method!, headers, agent: false });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    upstream.once('response', (response) => {
      // Swift answers HEAD with a body; that is an error behind the response.
      if (method === 'HEAD') upstream.removeAllListeners('error').on('error', () => undefined);
      resolve(response);
    });
    upstream.on('error', reject);
  });
  answered.catch(() => outgoing.destroy());
  outgoing.on('close', () => upstream.destroy());
  let sent = 0;
  const sending = (async () => {
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      sent += chunk.length;
      if (fault?.kind === 'cut-request' && sent > fault.after) throw new Error('cut');
      if (!upstream.write(chunk)) await once(upstream, 'drain');
    }
    upstream.end();
  })();
  const response = await Promise.race([answered, sending.then(() => answered)]);
  if (fault?.kind === 'lose-response') {
    await response.resume().toArray();
    outgoing.destroy();
    return;
  }
  outgoing.writeHead(response.statusCode!, response.headers);
  let received = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    received += chunk.length;
    if (fault?.kind === 'cut-response' && received > fault.after) {
      outgoing.write(chunk.subarray(0, Math.max(0, chunk.length - (received - fault.after))));
      await sleep(5);
      outgoing.destroy();
      return;
    }
    count(chunk.length);
    if (!outgoing.write(chunk)) await once(outgoing, 'drain');
  }
  outgoing.end();
}
