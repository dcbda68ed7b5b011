import { createTarDecoder, type ParsedTarEntry } from 'modern-tar';
import { CairnError } from '../errors.js';
import { parseJson } from './connection.js';
import { streamOf } from './image-source.js';
import { RequestError } from './request-error.js';
import type { BatchResult, FeatureSet } from './resources.js';

const MAX_DESCRIPTION_BYTES = 1 << 20;
/** Two blocks of zeros end a tar. */
const END_BYTES = 1024;

/** A feature set in the stream of a batch. */
export interface StreamedSet extends Pick<BatchResult, 'cursor' | 'line' | 'name' | 'features' | 'error'> {
  /** How it was made; undefined where `error` says why it is missing. */
  readonly description?: Omit<FeatureSet, 'links'>;
  /** A safetensors file, to be read before the next set is asked for; undefined where the server has lost the set. */
  readonly bytes?: AsyncIterable<Uint8Array>;
}

/** The feature sets in the tar stream of a batch: a JSON entry that names the line, then its safetensors entry. */
export class BatchFeatureStream {
  private readonly entries: ReadableStreamDefaultReader<ParsedTarEntry>;
  /** Cancelling the entries alone would leave the source running. */
  private readonly stop = new AbortController();

  constructor(chunks: AsyncIterable<Uint8Array>) {
    const { signal } = this.stop;
    this.entries = streamOf(whole(chunks))
      .pipeThrough(createTarDecoder({ strict: true }), { signal })
      .getReader();
  }

  /**
   * Undefined at the end.
   *
   * @throws RequestError `server-unreachable` where the stream breaks off, `server-failed` for an unexpected tar.
   */
  async next(): Promise<StreamedSet | undefined> {
    const description = await this.entry('.json');
    if (!description) return undefined;
    if (description.header.size > MAX_DESCRIPTION_BYTES) throw unknown('a description that is too long');
    const set = parseJson(await textOf(description), 'a feature set') as StreamedSet;
    if (typeof set.line !== 'number') throw unknown('a description without its line');
    if (set.error) return set;
    const entry = await this.entry('.safetensors');
    if (!entry) throw new RequestError('server-unreachable', 'The stream of features ended within a feature set.');
    return { ...set, bytes: bytesOf(entry) };
  }

  /** Closes the connection too; may be called twice. */
  async close(): Promise<void> {
    this.stop.abort();
    await this.entries.cancel().catch(() => undefined);
  }

  private async entry(extension: string): Promise<ParsedTarEntry | undefined> {
    const { done, value } = await this.entries.read().catch((error: unknown) => {
      throw tarError(error);
    });
    if (done) return undefined;
    const { name } = value.header;
    if (name.endsWith(extension)) return value;
    throw unknown(`${name} instead of a ${extension} entry`);
  }
}

/** The chunks of a tar; fails where its end is missing, which the decoder takes for an end like any other. */
async function* whole(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let zeros = 0;
  for await (const chunk of chunks) {
    let end = chunk.length;
    while (end > 0 && chunk[end - 1] === 0) end--;
    zeros = end === 0 ? zeros + chunk.length : chunk.length - end;
    yield chunk;
  }
  if (zeros < END_BYTES) throw new RequestError('server-unreachable', 'The stream of features broke off.');
}

async function* bytesOf({ body }: ParsedTarEntry): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw tarError(error);
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function textOf(entry: ParsedTarEntry): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of bytesOf(entry)) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}

/** A truncated tar is a lost connection: the next one resumes. */
function tarError(error: unknown): unknown {
  if (error instanceof CairnError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new RequestError('server-unreachable', `The stream of features broke off (${message}).`, {}, { cause: error });
}

function unknown(what: string): RequestError {
  return new RequestError('server-failed', `The stream of features has ${what}.`, { transient: false });
}
