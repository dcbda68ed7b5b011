import { createReadStream } from 'node:fs';
import { text as textOf } from 'node:stream/consumers';
import { z } from 'zod';
import { batchViewSchema, resultViewSchema, type BatchView, type ResultView } from '../../batches/view.js';
import { CairnError } from '../../errors.js';
import { sha256Schema } from '../../formats/sha256.js';
import { splitLines } from '../../formats/split-lines.js';
import { ask, bodyOf, check, isThere, parseJson } from './ask.js';

/** A result is a few hundred bytes and the client's own name for the image. */
const MAX_RESULT_BYTES = 1 << 20;
const NDJSON = 'application/x-ndjson';

type Init = Omit<RequestInit, 'headers'> & { readonly headers?: Readonly<Record<string, string>> };

export interface ResultsQuery {
  readonly after?: string | undefined;
  readonly state?: string | undefined;
  /** Keep the response open until the batch has finished. */
  readonly follow?: boolean;
}

/** The HTTP interface of batches. Every call throws as `ask` does; nothing is retried here. */
export class BatchClient {
  private readonly base: string;
  private readonly key: Readonly<Record<string, string>>;

  /**
   * @param server URL of a server, or of a proxy that has one below a path.
   * @param key API key, for a server that asks for one.
   */
  constructor(
    server: string,
    private readonly signal: AbortSignal,
    key?: string,
  ) {
    this.base = server.replace(/\/+$/, '');
    this.key = key === undefined ? {} : { authorization: `Bearer ${key}` };
  }

  /** Fails unless a Cairn server answers. */
  async ping(): Promise<void> {
    await this.json('/livez');
  }

  hasImage(sha256: string): Promise<boolean> {
    return isThere(`${this.base}/v1/images/${sha256}`, { headers: this.key, signal: this.signal });
  }

  /** @returns the digest of the bytes that were sent. */
  async putImage(path: string): Promise<string> {
    const headers = { 'content-type': 'application/octet-stream' };
    const { answer } = await this.post('/v1/images', path, headers);
    return check(z.object({ sha256: sha256Schema }), answer, 'an image').sha256;
  }

  /** Submits a manifest; returns the earlier batch of the same key, if there is one. */
  async submit(manifest: string, query: URLSearchParams, key: string): Promise<{ batch: BatchView; found: boolean }> {
    const headers = { 'content-type': NDJSON, 'idempotency-key': key };
    const { answer, status } = await this.post(`/v1/batches?${query.toString()}`, manifest, headers);
    return { batch: check(batchViewSchema, answer, 'a batch'), found: status === 200 };
  }

  async batch(id: string): Promise<BatchView> {
    return check(batchViewSchema, await this.json(pathOf(id)), 'a batch');
  }

  async cancel(id: string): Promise<void> {
    const response = await this.ask(pathOf(id), { method: 'DELETE' });
    await response.body?.cancel();
  }

  /** The outcome of each line, in the order of completion. */
  async *results(id: string, { follow = false, after, state }: ResultsQuery): AsyncGenerator<ResultView> {
    const query = new URLSearchParams(follow ? { follow: 'true' } : {});
    if (after !== undefined) query.set('after', after);
    if (state !== undefined) query.set('state', state);
    const response = await this.ask(`${pathOf(id)}/results?${query.toString()}`, { headers: { accept: NDJSON } });
    for await (const { bytes } of splitLines(bodyOf(response, this.signal), MAX_RESULT_BYTES)) {
      const text = bytes?.toString('utf8');
      if (text === undefined) throw new CairnError('server-failed', 'A result is too long.');
      // Empty lines are keep-alives.
      if (text.trim() !== '') yield check(resultViewSchema, parseJson(text, 'a result'), 'a result');
    }
  }

  /** The feature sets of a batch as a tar stream, in the order of `results`. */
  async features(id: string, after: string | undefined): Promise<AsyncGenerator<Uint8Array>> {
    const query = new URLSearchParams(after === undefined ? {} : { after });
    const response = await this.ask(`${pathOf(id)}/features?${query.toString()}`);
    return bodyOf(response, this.signal);
  }

  private ask(path: string, { headers, ...init }: Init = {}): Promise<Response> {
    return ask(this.base + path, { ...init, headers: { ...headers, ...this.key }, signal: this.signal });
  }

  private async json(path: string, init?: Init): Promise<unknown> {
    return this.read(await this.ask(path, init));
  }

  /** Sends a file. */
  private async post(
    path: string,
    file: string,
    headers: Record<string, string>,
  ): Promise<{ status: number; answer: unknown }> {
    const body = createReadStream(file);
    try {
      const response = await this.ask(path, { method: 'POST', body, headers, duplex: 'half' });
      return { status: response.status, answer: await this.read(response) };
    } finally {
      body.destroy();
    }
  }

  private async read(response: Response): Promise<unknown> {
    return parseJson(await textOf(bodyOf(response, this.signal)), new URL(response.url).pathname);
  }
}

function pathOf(id: string): string {
  return `/v1/batches/${encodeURIComponent(id)}`;
}
