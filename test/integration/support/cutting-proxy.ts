import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface CuttingProxy {
  readonly url: string;
  /** Resolves when the words have been passed on. */
  readonly cut: Promise<void>;
  close(): Promise<void>;
}

/**
 * A proxy in front of a Redis. Once a client has sent `words`, nothing else passes on any connection: Redis has
 * received them, and receives nothing afterwards.
 */
export async function cutAfter(words: string, redisPort: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let isCut = false;
  let tell: () => void = () => undefined;
  const cut = new Promise<void>((resolve) => (tell = resolve));
  const server = createServer((client) => {
    const upstream = connect(redisPort, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => [client, upstream].forEach((end) => end.destroy()));
    }
    client.on('data', (chunk) => {
      if (isCut) return;
      upstream.write(chunk);
      if (!chunk.includes(words)) return;
      isCut = true;
      tell();
    });
    upstream.on('data', (chunk) => client.write(chunk));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    for (const socket of sockets) socket.destroy();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`, cut, close };
}
