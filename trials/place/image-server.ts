import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../random.js';

/**
 * How the server of an image behaves: `good` at once · `slow` in several pieces · `flaky` breaks off the first time · `cut`
 * each time · `stalled` never ends · `missing` has no such image.
 */
export type Manner = 'good' | 'slow' | 'flaky' | 'cut' | 'stalled' | 'missing';

/** Most servers are good; one that stalls takes each of its attempts to the deadline. */
const SHARES: readonly Manner[] = [
  'good',
  'good',
  'good',
  'good',
  'slow',
  'slow',
  'flaky',
  'flaky',
  'cut',
  'missing',
  'missing',
  'stalled',
];

export const drawManner = (random: Random): Manner => random.pick(SHARES);

const PIECES = 5;
const PIECE_EVERY_MS = 200;

/** Serves `/<manner>/<number>`: the images of other people's servers. */
export class ImageServer {
  private readonly asked = new Set<string>();
  private readonly server = createServer((request, response) => {
    const [, manner, number] = request.url!.split('/');
    response.on('error', () => undefined);
    void this.answer(manner as Manner, Number(number), response);
  });

  private constructor(private readonly image: (number: number) => Buffer) {}

  static async start(image: (number: number) => Buffer): Promise<ImageServer> {
    const server = new ImageServer(image);
    await new Promise<void>((resolve) => server.server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  url(manner: Manner, number: number): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/${manner}/${number}`;
  }

  close(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private async answer(manner: Manner, number: number, response: ServerResponse): Promise<void> {
    const image = this.image(number);
    if (manner === 'missing') return void response.writeHead(404).end();
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': image.length });
    const first = !this.asked.has(response.req.url!);
    this.asked.add(response.req.url!);
    if (manner === 'good' || (manner === 'flaky' && !first)) return void response.end(image);
    response.write(image.subarray(0, image.length / 2));
    if (manner === 'stalled') return;
    if (manner === 'cut' || manner === 'flaky') {
      await delay(PIECE_EVERY_MS);
      response.destroy();
      return;
    }
    const rest = image.subarray(image.length / 2);
    for (let piece = 0; piece < PIECES; piece++) {
      await delay(PIECE_EVERY_MS);
      response.write(rest.subarray((piece * rest.length) / PIECES, ((piece + 1) * rest.length) / PIECES));
    }
    response.end();
  }
}
