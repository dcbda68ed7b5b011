// A client of Cairn's API: fetch, and Node's own line reader for server-sent events.
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Calls on the service at `url`; `signal` aborts them. */
export function client(url, signal) {
  const call = async (path, init) => {
    const response = await fetch(new URL(path, url), { ...init, signal });
    if (response.ok) return response;
    throw new Error(`${init?.method ?? 'GET'} ${path} answered ${response.status}: ${await response.text()}`);
  };
  return {
    json: async (path) => (await call(path)).json(),
    /** Submits a JPEG: 202 when it was queued, 200 when the store already has the features. */
    async submit(path, image) {
      const started = performance.now();
      const response = await call(path, { method: 'POST', body: image, headers: { 'content-type': 'image/jpeg' } });
      const job = await response.json();
      return {
        status: response.status,
        location: response.headers.get('location'),
        job,
        ms: performance.now() - started,
      };
    },
    /** Writes the answer to `file`; resolves with the time that it took. */
    async download(path, file) {
      const started = performance.now();
      await pipeline(Readable.fromWeb((await call(path)).body), createWriteStream(file));
      return performance.now() - started;
    },
    /** The data of each server-sent event. Cairn writes it as one line of JSON. */
    async *events(path) {
      const input = Readable.fromWeb((await call(path)).body);
      for await (const line of createInterface({ input })) {
        if (line.startsWith('data: ')) yield JSON.parse(line.slice(6));
      }
    },
  };
}
