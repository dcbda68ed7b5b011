import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Downloadable } from '../../src/backbone/weights/download.js';
import type { PublishedWeights } from '../../src/backbone/weights/published.js';

/** What a made-up publisher publishes: no weights, but bytes that differ from place to place. */
export const PUBLISHED_BYTES = Buffer.alloc(300_000).map((_, index) => (index * 7919) >> 5);

type Published = PublishedWeights & Downloadable;

export function publishedAt(url: string, fields: Partial<Published> = {}): Published {
  return {
    name: 'net-imagenet',
    model: 'net',
    url,
    bytes: PUBLISHED_BYTES.length,
    digest: `md5:${createHash('md5').update(PUBLISHED_BYTES).digest('hex')}`,
    licence: 'MIT',
    source: 'https://example.org/',
    preprocessing: 'RGB, mean 1 2 3',
    includesTop: true,
    ...fields,
  };
}

/** Answers as a server of files does, ranges included. */
export function sendPublished({ headers }: IncomingMessage, response: ServerResponse): void {
  const size = PUBLISHED_BYTES.length;
  const start = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
  if (headers.range === undefined) response.writeHead(200, { 'content-length': size }).end(PUBLISHED_BYTES);
  else if (start >= size) response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
  else {
    response.writeHead(206, { 'content-range': `bytes ${start}-${size - 1}/${size}`, 'content-length': size - start });
    response.end(PUBLISHED_BYTES.subarray(start));
  }
}
