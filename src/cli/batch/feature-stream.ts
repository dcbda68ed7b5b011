import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { extract, type Header } from 'tar-stream';
import { resultViewSchema } from '../../batches/view.js';
import { CairnError } from '../../errors.js';
import { check, parseJson } from './ask.js';

/** Precedes each feature set in the stream, or says why it is missing. */
const entrySchema = resultViewSchema.pick({ line: true, error: true });
const MAX_DESCRIPTION_BYTES = 1 << 20;

type Entry = AsyncIterable<Uint8Array> & { readonly header: Header };

export interface StreamedSet {
  /** Line number in the submitted body, from 1. */
  readonly line: number;
  /**
   * The bytes of a safetensors file; read them to the end before the next call. Undefined if the server has lost
   * the set.
   */
  readonly bytes: AsyncIterable<Uint8Array> | undefined;
}

/** The feature sets in a tar stream of a batch: a JSON entry that names the line, then its safetensors entry. */
export class FeatureStream {
  private readonly entries: AsyncIterator<Entry>;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    const tar = extract();
    this.entries = tar[Symbol.asyncIterator]() as AsyncIterator<unknown> as AsyncIterator<Entry>;
    // A failure destroys the tar with the same error, which its entries then throw.
    pipeline(chunks, tar as unknown as NodeJS.WritableStream).catch(() => undefined);
  }

  /** Undefined at the end. @throws CairnError of the connection; `server-failed` for an unexpected tar. */
  async next(): Promise<StreamedSet | undefined> {
    const description = await this.entry('.json');
    if (!description) return undefined;
    if (description.header.size > MAX_DESCRIPTION_BYTES) {
      throw new CairnError('server-failed', 'A description is too long.');
    }
    const json = await text(bytesOf(description));
    const { line, error } = check(entrySchema, parseJson(json, 'a feature set'), 'a feature set');
    if (error) return { line, bytes: undefined };
    const set = await this.entry('.safetensors');
    if (!set) throw new CairnError('server-unreachable', 'The stream of features ended within a feature set.');
    return { line, bytes: bytesOf(set) };
  }

  /** Closes the connection too; may be called twice. */
  async close(): Promise<void> {
    await this.entries.return?.();
  }

  private async entry(extension: string): Promise<Entry | undefined> {
    const next = await this.entries.next().catch((error: unknown) => {
      throw tarError(error);
    });
    if (next.done === true) return undefined;
    const { name } = next.value.header;
    if (name.endsWith(extension)) return next.value;
    throw new CairnError('server-failed', `The stream of features has ${name} instead of a ${extension} entry.`);
  }
}

async function* bytesOf(entry: Entry): AsyncGenerator<Uint8Array> {
  try {
    yield* entry;
  } catch (error) {
    throw tarError(error);
  }
}

/** A truncated tar is a lost connection: the next one resumes. */
function tarError(error: unknown): CairnError {
  if (error instanceof CairnError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CairnError('server-unreachable', `The stream of features broke off (${message}).`, { cause: error });
}
