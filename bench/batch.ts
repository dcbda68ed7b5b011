import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import sharp from 'sharp';

/** Serves `/<number>.png`: images of `size` × `size` pixels, each number another. */
export async function serveImages(size: number): Promise<{ url: string; close(): void }> {
  const pixels = Buffer.alloc(size * size * 3);
  for (let i = 0; i < pixels.length; i++) pixels[i] = (i * 7919) >>> 5;
  const server = createServer((request, response) => {
    const number = Number(/\d+/.exec(request.url!)![0]);
    const mine = Buffer.from(pixels);
    mine.writeUInt32LE(number);
    sharp(mine, { raw: { width: size, height: size, channels: 3 } })
      .png({ compressionLevel: 1 })
      .toBuffer()
      .then(
        (png) => response.setHeader('content-type', 'image/png').end(png),
        (error: unknown) => response.destroy(error as Error),
      );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** An NDJSON manifest as it is made; each line whose number `badEvery` divides is not JSON. */
export function manifest(url: string, lines: number, badEvery: number): ReadableStream {
  const texts = function* () {
    for (let line = 1; line <= lines; line++) {
      yield line % badEvery === 0 ? '{"source": \n' : `${JSON.stringify({ source: { url: `${url}/${line}.png` } })}\n`;
    }
  };
  return Readable.toWeb(
    Readable.from(texts())
      .setEncoding('utf8')
      .map((text: string) => Buffer.from(text)),
  );
}

/** Reads all results of a batch and counts lines. */
export async function followResults(url: string) {
  const response = await fetch(url, { headers: { accept: 'application/x-ndjson' } });
  const seen = new Set<number>();
  const states: Record<string, number> = {};
  let repeated = 0;
  for await (const text of createInterface({ input: Readable.fromWeb(response.body as never) })) {
    if (text === '') continue;
    const { line, state } = JSON.parse(text) as { line: number; state: string };
    if (seen.has(line)) repeated++;
    seen.add(line);
    states[state] = (states[state] ?? 0) + 1;
  }
  return { distinct: seen.size, repeated, states };
}
