import { afterEach } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Call it once in a test file; `serve` listens on a port of its own until `close` or the end of the test. */
export function useHttpServers() {
  const running: Server[] = [];
  async function close(): Promise<void> {
    for (const server of running.splice(0)) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }
  afterEach(close);
  async function serve(listener: RequestListener): Promise<string> {
    const server = createServer(listener);
    running.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  return { serve, close };
}
