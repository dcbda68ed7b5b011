// What a client of Cairn does over HTTP, with nothing but fetch.
import { createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Calls on the service at `url`; all of them stop when `signal` aborts. */
export function client(url, signal) {
  const call = async (path, init = {}, accepted = [200]) => {
    const response = await fetch(new URL(path, url), { ...init, signal });
    if (accepted.includes(response.status)) return response;
    throw new Error(`${init.method ?? 'GET'} ${path} answered ${response.status}: ${await reason(response)}`);
  };

  return {
    async json(path) {
      return (await call(path)).json();
    },
    /** Submits an image; 202 when it was queued, 200 when the store already has the answer. */
    async submit(path, image, contentType) {
      const headers = { 'content-type': contentType };
      const response = await call(path, { method: 'POST', body: image, headers }, [200, 202]);
      return { status: response.status, location: response.headers.get('location'), job: await response.json() };
    },
    /** Writes what `path` answers to `file`, under its name only when it is whole. */
    async download(path, file) {
      const started = performance.now();
      const response = await call(path);
      const partial = `${file}.part`;
      await pipeline(Readable.fromWeb(response.body), createWriteStream(partial));
      await rename(partial, file);
      return { file, ms: performance.now() - started };
    },
    async *events(path) {
      const response = await call(path, { headers: { accept: 'text/event-stream' } });
      yield* serverSentEvents(response.body);
    },
  };
}

/** Parses `text/event-stream`: yields `{ event, data }` at each blank line; comments are skipped. */
export async function* serverSentEvents(body) {
  const decoder = new TextDecoder();
  let rest = '';
  let event = 'message';
  let data = [];
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r?\n/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) yield { event, data: data.join('\n') };
        event = 'message';
        data = [];
        continue;
      }
      const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
      if (field === 'event') event = value;
      if (field === 'data') data.push(value);
    }
  }
}

/** The sentence in a problem+json body, or the start of whatever else came. */
async function reason(response) {
  const text = await response.text();
  try {
    const { title, detail, code } = JSON.parse(text);
    return [title, detail, code && `(${code})`].filter(Boolean).join(' ');
  } catch {
    return text.slice(0, 300);
  }
}
