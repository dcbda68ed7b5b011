import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { pack } from 'tar-stream';
import { manifest } from '../batch.js';
import type { DistinctImages } from '../distinct-images.js';

const LOOK_EVERY_MS = 250;

/** Submits a batch of images in a tar, which is made while it is sent; returns its id. */
export async function postTar(url: string, images: DistinctImages, count: number): Promise<string> {
  const tar = pack();
  const fill = async () => {
    for (let line = 1; line <= count; line++) {
      await new Promise<void>((done, failed) => {
        tar.entry({ name: `${line}.image` }, images.next(), (error) => (error ? failed(error) : done()));
      });
    }
    tar.finalize();
  };
  const filled = fill();
  // A batch that is refused ends the request, and with it the tar: the response has the reason.
  filled.catch(() => undefined);
  const body = Readable.from(tar as AsyncIterable<Uint8Array>);
  const id = await post(url, 'application/x-tar', Readable.toWeb(body) as ReadableStream);
  await filled;
  return id;
}

/** Submits a batch whose lines name images at `origin`; returns its id. */
export function postUrls(url: string, origin: string, count: number): Promise<string> {
  return post(url, 'application/x-ndjson', manifest(origin, count, Infinity));
}

async function post(url: string, type: string, body: ReadableStream): Promise<string> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': type }, body, duplex: 'half' });
  if (response.status !== 202) throw new Error(`POST ${url}: HTTP ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { id: string }).id;
}

/** Waits for the end of a batch and returns its time. Throws unless all `count` lines completed. */
export async function untilFinished(url: string, count: number): Promise<number> {
  for (;;) {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`GET ${url}: HTTP ${response.status}: ${await response.text()}`);
    const { counts, finishedAt } = (await response.json()) as {
      counts: { completed: number };
      finishedAt?: string | null;
    };
    if (finishedAt) {
      if (counts.completed !== count) throw new Error(`${count - counts.completed} of ${count} lines failed.`);
      return Date.parse(finishedAt);
    }
    await delay(LOOK_EVERY_MS);
  }
}

/** Answers every request with another image. */
export async function serveDistinct(images: DistinctImages): Promise<{ url: string; close(): void }> {
  const server = createServer((_, response) => response.setHeader('content-type', images.type).end(images.next()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
