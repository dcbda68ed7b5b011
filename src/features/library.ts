import { asCairnError, CairnError } from '../errors.js';
import { ArchiveEntries, ArchiveReader, type CheckedObject, type OnFailure } from './archive-reader.js';
import { archiveKey, type Description } from './feature-set.js';
import type { Quarantine } from './store/quarantine.js';
import { quarantineKey, type Store, type StoredObject } from './store/store.js';
import { isSha256 } from '../formats/sha256.js';
import type { Zstd } from '../formats/zstd.js';

/** How long a client may take to follow a link; what has begun by then is read to its end. */
const LINK_SECONDS = 15 * 60;
/** Descriptions that are remembered, of some kilobytes each. */
const MAX_KNOWN = 1000;

/**
 * The archives in the store, by feature set id. One that turns out to be damaged goes to the quarantine: it is not there any
 * more when the set is asked for again, and is made anew.
 */
export class FeatureLibrary {
  private readonly known = new Map<string, { readonly modified: number; readonly description: Description }>();

  constructor(
    private readonly store: Pick<Store, 'open' | 'has' | 'presign'>,
    private readonly zstd: Zstd,
    private readonly quarantine?: Quarantine,
  ) {}

  async has(id: string): Promise<boolean> {
    return isSha256(id) && this.store.has(archiveKey(id));
  }

  /** The archive as a file, to be closed by the caller. @throws CairnError `features-not-found` or `features-corrupt`. */
  async file(id: string): Promise<CheckedObject> {
    return (await this.entries(id)).whole();
  }

  /**
   * A URL at which clients can read the archive themselves; undefined where the store has none. Its bytes are not checked then.
   *
   * @throws CairnError as `archive`.
   */
  async link(id: string): Promise<string | undefined> {
    if (!this.store.presign) return undefined;
    await this.describe(id);
    const [type, filename] = ['application/zip', `${id}.zarr.zip`];
    return this.store.presign(archiveKey(id), { seconds: LINK_SECONDS, type, filename });
  }

  /** The archive opened, to be closed by the caller. @throws CairnError `features-not-found` or `features-corrupt`. */
  async archive(id: string): Promise<ArchiveReader> {
    const object = await this.object(id);
    return ArchiveReader.open(object, this.zstd, this.onFailure(id, object));
  }

  /** One entry of the archive's zip, to be closed by the caller. @throws CairnError as `archive`. */
  async entry(id: string, path: string): Promise<CheckedObject> {
    const entries = await this.entries(id);
    try {
      // Names are compared with those in the zip's directory: a path leads nowhere else.
      if (!entries.has(path)) throw new CairnError('features-not-found', `Feature set ${id} has no entry "${path}".`);
      return await entries.open(path);
    } catch (error) {
      await entries.close();
      throw error;
    }
  }

  /** How a feature set was made. @throws CairnError as `archive`. */
  async describe(id: string): Promise<Description> {
    return this.read(await this.object(id), id);
  }

  /** As `describe`; undefined where there is no such set, or a damaged one by its directory. */
  async find(id: string): Promise<Description | undefined> {
    const object = await this.open(id);
    try {
      return object && (await this.read(object, id));
    } catch (error) {
      if (asCairnError(error).code === 'features-corrupt') return undefined;
      throw error;
    }
  }

  private async entries(id: string): Promise<ArchiveEntries> {
    const object = await this.object(id);
    return ArchiveEntries.open(object, this.onFailure(id, object));
  }

  private async object(id: string): Promise<StoredObject> {
    const object = await this.open(id);
    if (object) return object;
    if (isSha256(id) && (await this.store.has(quarantineKey(archiveKey(id))))) throw corrupt(id);
    throw new CairnError('features-not-found', `There is no feature set ${id}.`);
  }

  private onFailure(id: string, { modified }: StoredObject): OnFailure {
    return async (cause) => {
      this.known.delete(id);
      await this.quarantine?.take('features', archiveKey(id), modified, cause.message);
      return corrupt(id, cause);
    };
  }

  private async open(id: string): Promise<StoredObject | undefined> {
    return isSha256(id) ? this.store.open(archiveKey(id)) : undefined;
  }

  /** Archives do not change, but a deleted one may be written again. */
  private async read(object: StoredObject, id: string): Promise<Description> {
    const known = this.known.get(id);
    if (known?.modified === object.modified.getTime()) {
      await object.close();
      return known.description;
    }
    const archive = await ArchiveReader.open(object, this.zstd, this.onFailure(id, object));
    await archive.checkDirectory().finally(() => archive.close());
    const { description } = archive;
    this.known.delete(id);
    this.known.set(id, { modified: object.modified.getTime(), description });
    // The oldest entry comes first.
    if (this.known.size > MAX_KNOWN) this.known.delete(this.known.keys().next().value!);
    return description;
  }
}

function corrupt(id: string, cause?: CairnError): CairnError {
  const message = `The stored feature set ${id} is damaged; submit its image again to have it made anew.`;
  return new CairnError('features-corrupt', message, { cause });
}
