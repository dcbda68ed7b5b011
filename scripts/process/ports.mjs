// Loopback ports that nobody listens on.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below the ranges from which systems take the ports of outgoing connections (32768 up on Linux, 49152 up
// elsewhere), so no client's own connection can sit on the port of a server that is being restarted.
const FIRST = 20_000;
const LAST = 32_000;
const ATTEMPTS = 50;

/** Whether a server could listen on `host:port` now. */
export function isUnused(port, host = '127.0.0.1') {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** A port that is unused now. Another process may still take it first: whoever listens on it retries. */
export async function unusedPort(host = '127.0.0.1') {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomInt(FIRST, LAST);
    if (await isUnused(port, host)) return port;
  }
  throw new Error(
    `No unused port on ${host}: ${ATTEMPTS} tries between ${FIRST} and ${LAST} all failed. ` +
      `Check that this process may listen on ${host}.`,
  );
}

/** The first unused port from `start` on. */
export async function nextUnusedPort(start, host) {
  for (let port = start; port < start + 100; port++) {
    if (await isUnused(port, host)) return port;
  }
  throw new Error(`Ports ${start} to ${start + 99} on ${host} are all taken. Set PORT to a free one.`);
}
