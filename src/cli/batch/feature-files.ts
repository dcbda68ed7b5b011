import { join } from 'node:path';
import type { BatchFeatureStream, BatchResult, Cairn } from '../../client/index.js';
import { CairnError } from '../../errors.js';
import { openForReading } from '../../files/byte-source.js';
import { FileStore } from '../../features/store/file-store.js';
import { outputName } from './output-names.js';

/** A stream may end before it contains the set of a fresh result; it is opened again this often. */
const EMPTY_STREAMS = 3;
const PAUSE_MS = 500;
const LENGTH_BYTES = 8;
/** The header of a feature set describes a few levels and their provenance. */
const MAX_HEADER_BYTES = 1 << 20;
type Header = { readonly __metadata__?: { readonly id?: unknown } };

/**
 * Writes the feature sets of a batch to a folder as results arrive. Sets that the folder already has are not
 * fetched: the stream of features is opened where one is missing and closed where one is not.
 */
export class FeatureFiles {
  private readonly store: FileStore;
  private stream: BatchFeatureStream | undefined;

  constructor(
    private readonly folder: string,
    private readonly client: Cairn,
    private readonly id: string,
  ) {
    this.store = new FileStore(folder);
  }

  /**
   * Fetches the feature set of a completed result unless the folder has it. Results come one by one, in order.
   *
   * @param before cursor of the result before this one.
   * @returns the path of the file.
   * @throws CairnError `features-not-found` if the server has lost it, `store-failed`.
   */
  async fetchMissing(result: BatchResult, before: string | undefined): Promise<string> {
    const name = outputName(result.name);
    const path = join(this.folder, name);
    if (result.features && (await holds(path, result.features.id))) await this.close();
    else await this.fetch(result.line, name, before);
    return path;
  }

  /** May be called twice. */
  async close(): Promise<void> {
    const { stream } = this;
    this.stream = undefined;
    await stream?.close();
  }

  private async fetch(line: number, name: string, before: string | undefined): Promise<void> {
    const { batches, retries } = this.client;
    for (let attempt = 0, empty = 0; ;) {
      try {
        this.stream ??= await batches.openFeatures(this.id, { after: before });
        const set = await this.stream.next();
        if (set?.line === line && set.bytes) {
          await this.store.put(name, set.bytes);
          retries.reset();
          return;
        }
        await this.close();
        if (set !== undefined || ++empty > EMPTY_STREAMS) {
          throw new CairnError('features-not-found', 'The server no longer has the features.');
        }
        await retries.pause(PAUSE_MS);
      } catch (error) {
        await this.close();
        // A full disk is no outage of the server.
        if (error instanceof CairnError && error.code === 'store-failed') throw error;
        await retries.backoff(error, attempt++);
      }
    }
  }
}

/** Whether a safetensors file holds this feature set: options may have changed since it was written. */
async function holds(path: string, id: string): Promise<boolean> {
  const file = await openForReading(path).catch(() => undefined);
  if (!file) return false;
  try {
    const length = Number((await file.read(0, LENGTH_BYTES)).readBigUInt64LE());
    if (length > MAX_HEADER_BYTES) return false;
    const header = JSON.parse((await file.read(LENGTH_BYTES, length)).toString('utf8')) as Header;
    return header.__metadata__?.id === id;
  } catch {
    return false;
  } finally {
    await file.close();
  }
}
