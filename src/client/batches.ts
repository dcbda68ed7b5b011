import { CairnError } from '../errors.js';
import { BatchFeatureStream, type StreamedSet } from './batch-features.js';
import { parseJson, type Call, type CallOptions, type Connection } from './connection.js';
import { isReference, streamOf, type ByteStream, type ImageSource } from './image-source.js';
import { Images } from './images.js';
import { inOrder } from './in-order.js';
import { readLines } from './read-lines.js';
import type { Batch, BatchResult, JobOptions, LevelOptions } from './resources.js';
import { LevelStream, type Levels } from './safetensors.js';

const NDJSON = 'application/x-ndjson';
const POLL_INTERVAL_MS = 1000;
const CONCURRENCY = 4;
const KEY_BYTES = 16;
/** A result is a few hundred bytes and the client's own name for the image. */
const MAX_RESULT_CHARS = 1 << 20;

/** An image of a batch. */
export interface BatchImage {
  readonly image: ImageSource;
  /** A label that the results repeat. */
  readonly name?: string;
  /** Options of this image; they override those of the batch. */
  readonly options?: JobOptions;
}

/** How a batch is submitted. */
export interface SubmitOptions extends CallOptions {
  /** Submitting again with the same key returns the same batch. By default every submission has its own. */
  readonly key?: string;
  /** Images that are sent at once; 4 by default. */
  readonly concurrency?: number;
}

/** A batch that was submitted. */
export interface Submitted {
  readonly batch: Batch;
  /** Whether the batch of this key was there already. */
  readonly found: boolean;
  /** Images that the server did not take: they have no line in the batch's results. */
  readonly refused: readonly RefusedImage[];
}

/** An image that the server did not take. */
export interface RefusedImage {
  /** Place among the images, from 1. */
  readonly line: number;
  readonly name?: string;
  readonly error: CairnError;
}

/** Which results of a batch are read. */
export interface ResultOptions extends CallOptions {
  /** Cursor of the last result received. Default: from the first result. */
  readonly after?: string | undefined;
  /** Only results of this state. */
  readonly state?: BatchResult['state'] | undefined;
  /** Continue until the batch is finished; true by default. */
  readonly follow?: boolean;
}

/** Which feature sets of a batch are read, and how they are sent. */
export interface BatchFeatureOptions extends LevelOptions, CallOptions {
  /** Cursor of the last set received. Default: from the first set. */
  readonly after?: string | undefined;
}

/** A feature set of a batch in memory. */
export interface BatchSet extends Omit<StreamedSet, 'bytes'>, Partial<Levels> {}

/** Batches: many images at once, and their features as they complete. */
export class Batches {
  private readonly images: Images;

  constructor(private readonly connection: Connection) {
    this.images = new Images(connection);
  }

  /**
   * Sends the images that the server does not have, and submits all of them. The lines of the batch have the places of the
   * images, from 1.
   *
   * @throws RequestError `batch-empty` where the server took none of the images, `option-…` and others of docs/http.md.
   */
  async submit(
    images: Iterable<BatchImage> | AsyncIterable<BatchImage>,
    options: JobOptions = {},
    { key, concurrency = CONCURRENCY, ...call }: SubmitOptions = {},
  ): Promise<Submitted> {
    const lines: string[] = [];
    const refused: RefusedImage[] = [];
    for await (const line of inOrder(images, concurrency, (entry) => this.line(entry, call))) {
      // The server counts empty lines and skips them.
      lines.push(typeof line === 'string' ? line : '');
      if (typeof line !== 'string') refused.push({ line: lines.length, ...line });
    }
    const manifest = new Blob([lines.join('\n'), '\n']);
    return {
      ...(await this.submitManifest(manifest, options, { ...call, ...(key !== undefined && { key }) })),
      refused,
    };
  }

  /**
   * Submits a manifest of lines as docs/batches.md has them.
   *
   * @param manifest its bytes, or a function that begins to read them for each attempt.
   */
  async submitManifest(
    manifest: Blob | (() => ByteStream),
    options: JobOptions = {},
    { key = randomKey(), ...call }: SubmitOptions = {},
  ): Promise<Omit<Submitted, 'refused'>> {
    const headers = { 'content-type': NDJSON, 'idempotency-key': key };
    const body = () => (typeof manifest === 'function' ? streamOf(manifest()) : manifest);
    return this.connection.policy.retry(async () => {
      const request: Call = { ...call, method: 'POST', query: options, headers, body };
      const response = await this.connection.once('/v1/batches', request);
      return { batch: (await response.json()) as Batch, found: response.status === 200 };
    }, call.signal);
  }

  /** @throws RequestError `batch-not-found`. */
  get(id: string, call: CallOptions = {}): Promise<Batch> {
    return this.connection.json<Batch>(pathOf(id), call);
  }

  /** Cancels the lines that have no outcome yet. @throws RequestError `batch-finished`, `batch-not-found`. */
  cancel(id: string, call: CallOptions = {}): Promise<Batch> {
    return this.connection.json<Batch>(pathOf(id), { ...call, method: 'DELETE' });
  }

  /** The outcome of each line, in the order of completion, until the batch is finished; across restarts of the server. */
  async *results(id: string, options: ResultOptions = {}): AsyncGenerator<BatchResult, void, undefined> {
    const { after: first, state, follow = true, ...call } = options;
    const read = (after: string | undefined) => this.readResults(id, { after, state, follow, ...call });
    yield* this.resumed(id, first, read, { follow, ...call });
  }

  /**
   * Every feature set as it completes, in memory, until the batch is finished; across restarts of the server. To continue
   * later, keep the cursor of the last set. Lines that failed are left out: `results` has them.
   */
  async *features(id: string, options: BatchFeatureOptions = {}): AsyncGenerator<BatchSet, void, undefined> {
    const { after: first, signal, ...levels } = options;
    yield* this.resumed(id, first, (after) => this.readFeatures(id, { ...levels, after, signal }), {
      follow: true,
      signal,
    });
  }

  /** The feature sets of one response, each as a stream; nothing is repeated. For sets that are written to files. */
  async openFeatures(id: string, { signal, window, ...levels }: BatchFeatureOptions = {}): Promise<BatchFeatureStream> {
    const query = { ...levels, window: window?.join(',') };
    const response = await this.connection.once(`${pathOf(id)}/features`, { signal, query });
    return new BatchFeatureStream(this.connection.bytes(response, { signal }));
  }

  /** What `read` yields after a cursor, again and again from the last cursor, until the batch is finished. */
  private async *resumed<T extends { readonly cursor: string }>(
    id: string,
    first: string | undefined,
    read: (after: string | undefined) => AsyncIterable<T>,
    { follow, ...call }: CallOptions & { readonly follow: boolean },
  ): AsyncGenerator<T, void, undefined> {
    const { policy } = this.connection;
    let after = first;
    let finished = false;
    for (let attempt = 0; ;) {
      try {
        for await (const item of read(after)) {
          policy.reset();
          attempt = 0;
          yield item;
          after = item.cursor;
        }
        // Only a response that began after the batch finished is certain to be complete.
        if (finished || !follow) return;
        finished = (await this.get(id, call)).state !== 'running';
        if (!finished) await policy.pause(POLL_INTERVAL_MS, call.signal);
      } catch (error) {
        await policy.backoff(error, attempt++, call.signal);
      }
    }
  }

  private async *readResults(
    id: string,
    { follow, after, state, ...call }: ResultOptions,
  ): AsyncGenerator<BatchResult> {
    const request: Call = { ...call, query: { after, state, follow }, headers: { accept: NDJSON } };
    const response = await this.connection.once(`${pathOf(id)}/results`, request);
    for await (const line of readLines(this.connection.bytes(response, call), MAX_RESULT_CHARS)) {
      // Empty lines are keep-alives.
      if (line.trim() !== '') yield parseJson(line, 'a result') as BatchResult;
    }
  }

  private async *readFeatures(id: string, options: BatchFeatureOptions): AsyncGenerator<BatchSet> {
    const stream = await this.openFeatures(id, options);
    try {
      for (let set = await stream.next(); set; set = await stream.next()) {
        const { bytes, ...rest } = set;
        yield bytes ? { ...rest, ...(await (await LevelStream.open(bytes)).all()) } : rest;
      }
    } finally {
      await stream.close();
    }
  }

  /** The line of an image in a manifest, or why there is none. */
  private async line(
    { image, name, options }: BatchImage,
    call: CallOptions,
  ): Promise<string | Omit<RefusedImage, 'line'>> {
    try {
      const source = isReference(image) ? image : { sha256: await this.images.putIfMissing(image, call) };
      return JSON.stringify({ source, name, ...options });
    } catch (error) {
      // What is wrong with one image is no reason to give up the others.
      if (!(error instanceof CairnError) || error.transient) throw error;
      return { error, ...(name !== undefined && { name }) };
    }
  }
}

/** `crypto.randomUUID` is missing in pages that are not a secure context. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function pathOf(id: string): string {
  return `/v1/batches/${encodeURIComponent(id)}`;
}
