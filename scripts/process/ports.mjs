// Unused loopback ports.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below the ephemeral ports (32768 up on Linux, 49152 up elsewhere), so that no outgoing connection can occupy the port
// of a server that is being restarted.
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

/** A port that is unused now. Another process may still take it before the caller listens on it: retry then. */
export async function unusedPort(host = '127.0.0.1') {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomInt(FIRST, LAST);
    if (await isUnused(port, host)) return port;
  }
  throw new Error(
    `No unused port on ${host}: ${ATTEMPTS} attempts between ${FIRST} and ${LAST} failed. ` +
      `Check that this process may listen on ${host}.`,
  );
}
