import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CairnError } from '../errors.js';
import type { ProcessMetrics } from './process-metrics.js';

const HEADERS_TIMEOUT_MS = 5000;
/** Prometheus and a health check need one each. */
const MAX_CONNECTIONS = 16;

export interface MetricsServer {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves `/metrics` and `/livez` of a process that has no API. An answer of `/livez` shows that the event
 * loop turns; it is `503` while the process is not `sound`.
 *
 * @throws CairnError `option-invalid` where the port cannot be listened on.
 */
export async function serveMetrics(
  metrics: ProcessMetrics,
  port: number,
  host: string,
  sound: () => boolean,
): Promise<MetricsServer> {
  const server = createServer({ requestTimeout: HEADERS_TIMEOUT_MS }, (request, response) => {
    const send = (status: number, type: string, text: string) =>
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(text);
    request.resume();
    if (request.method !== 'GET' && request.method !== 'HEAD') send(405, 'text/plain', 'Only GET is possible.\n');
    else if (request.url === '/livez') {
      if (sound()) send(200, 'application/json', '{"status":"ok"}');
      else send(503, 'application/json', '{"status":"engine-hung"}');
    } else if (request.url === '/metrics') {
      metrics.text().then(
        (text) => send(200, metrics.registry.contentType, text),
        () => send(500, 'text/plain', 'The metrics cannot be read now.\n'),
      );
    } else send(404, 'text/plain', 'Here are /metrics and /livez.\n');
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.listen(port, host);
  await once(server, 'listening').catch((cause: unknown) => {
    const { code } = cause as NodeJS.ErrnoException;
    throw new CairnError('option-invalid', `Cannot listen on port ${port} of ${host}: ${code}.`, { cause });
  });
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
