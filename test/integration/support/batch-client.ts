import sharp from 'sharp';
import { pack } from 'tar-stream';
import { Client } from './client.js';
import { until } from './service.js';

/** A batch as the API answers it. */
export interface BatchView {
  readonly id: string;
  readonly state: 'running' | 'completed' | 'cancelled';
  readonly total: number;
  readonly counts: Record<'queued' | 'active' | 'completed' | 'failed' | 'cancelled', number>;
  readonly rejected: { readonly count: number; readonly first: { line: number; code: string; message: string }[] };
  readonly rate: number;
  readonly etaSeconds: number | null;
  readonly finishedAt?: string;
}

export interface ResultView {
  readonly cursor: string;
  readonly line: number;
  readonly name: string;
  readonly state: string;
  readonly features?: { readonly id: string; readonly href: string };
  readonly error?: { readonly code: string; readonly message: string };
}

/** What batches in tests ask for: small. */
export const OPTIONS = 'model=mask-rcnn-resnet18&size=64&levels=C4,C5';

/** A small image that differs from all of other numbers. */
export function numberedImage(number: number): Promise<Buffer> {
  const background = { r: number % 256, g: number >> 8, b: 77 };
  return sharp({ create: { width: 40, height: 30, channels: 3, background } })
    .png()
    .toBuffer();
}

/** Folders are members whose names end in a slash. */
export async function tarOf(members: readonly (readonly [string, Buffer])[]): Promise<Buffer> {
  const tar = pack();
  const bytes = collect(tar);
  for (const [name, data] of members) tar.entry({ name, type: name.endsWith('/') ? 'directory' : 'file' }, data);
  tar.finalize();
  return bytes;
}

/** Speaks HTTP about batches. */
export class BatchClient extends Client {
  get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(this.url + path, { headers });
  }

  postBatch(body: Buffer, query = OPTIONS, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${this.url}/v1/batches?${query}`, { method: 'POST', body: new Uint8Array(body), headers });
  }

  /** Submits a batch that must be accepted. */
  async submitBatch(body: Buffer, query = OPTIONS): Promise<BatchView> {
    const response = await this.postBatch(body, query);
    if (response.status !== 202) throw new Error(`${response.status}: ${await response.text()}`);
    return (await response.json()) as BatchView;
  }

  async batch(id: string): Promise<BatchView> {
    return (await (await this.get(`/v1/batches/${id}`)).json()) as BatchView;
  }

  async finishBatch(id: string, timeoutMs = 110_000): Promise<BatchView> {
    let batch: BatchView | undefined;
    await until(
      async () => (batch = await this.batch(id)).finishedAt !== undefined,
      timeoutMs,
      () => `batch ${JSON.stringify(batch)}`,
    );
    return batch!;
  }

  /** Keeps an image; answers its digest. */
  async keep(image: Buffer): Promise<string> {
    const response = await fetch(`${this.url}/v1/images`, { method: 'POST', body: new Uint8Array(image) });
    if (response.status !== 201) throw new Error(`${response.status}: ${await response.text()}`);
    return ((await response.json()) as { sha256: string }).sha256;
  }

  async page(id: string, query = ''): Promise<{ results: ResultView[]; next: string | null }> {
    const response = await this.get(`/v1/batches/${id}/results?${query}`);
    if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
    return (await response.json()) as { results: ResultView[]; next: string | null };
  }

  async results(id: string): Promise<ResultView[]> {
    return (await this.page(id)).results;
  }

  async lines(id: string, query = ''): Promise<ResultView[]> {
    const response = await this.get(`/v1/batches/${id}/results?${query}`, { accept: 'application/x-ndjson' });
    const text = await response.text();
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as ResultView);
  }
}

export async function collect(chunks: AsyncIterable<unknown>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk as Uint8Array);
  return Buffer.concat(all);
}
