import { afterEach, beforeEach } from '@jest/globals';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from './service.js';

export interface HeldImage {
  /** Requests for it wait. */
  readonly url: string;
  /** Requests so far. */
  readonly asked: number;
  /** Answers all waiting and future requests. */
  release(image: Buffer): void;
}

/** An image on the web that comes when the test wants it: a job that asks for it runs until then. */
export function useHeldImage(): HeldImage {
  let server: Server;
  let waiting: ServerResponse[];
  let released: Buffer | undefined;
  let asked: number;
  beforeEach(async () => {
    [waiting, released, asked] = [[], undefined, 0];
    server = createServer((_, response) => {
      asked++;
      if (released) response.end(released);
      else waiting.push(response);
    }).listen(0, '127.0.0.1');
    await until(() => server.listening);
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    get url() {
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}/held.png`;
    },
    get asked() {
      return asked;
    },
    release(image) {
      released = image;
      for (const response of waiting.splice(0)) response.end(image);
    },
  };
}
