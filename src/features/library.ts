import { CairnError } from '../errors.js';
import { ArchiveEntries } from './archive-entries.js';
import { ArchiveReader } from './archive-reader.js';
import { archiveKey, type Description } from './feature-set.js';
import type { Store, StoredObject } from './store/store.js';
import type { Zstd } from '../formats/zstd.js';

const ID = /^[0-9a-f]{64}$/;

/** The archives in the store, by feature set id. */
export class FeatureLibrary {
  constructor(
    private readonly store: Store,
    private readonly zstd: Zstd,
  ) {}

  async has(id: string): Promise<boolean> {
    return ID.test(id) && this.store.has(archiveKey(id));
  }

  /** The archive as a file, to be closed by the caller. @throws CairnError `features-not-found`. */
  async file(id: string): Promise<StoredObject> {
    const object = ID.test(id) ? await this.store.open(archiveKey(id)) : undefined;
    if (!object) throw new CairnError('features-not-found', `There is no feature set ${id}.`);
    return object;
  }

  /** The archive opened, to be closed by the caller. @throws CairnError `features-not-found` or `archive-corrupt`. */
  async archive(id: string): Promise<ArchiveReader> {
    return ArchiveReader.open(await this.file(id), this.zstd);
  }

  /** One entry of the archive's zip, to be closed by the caller. @throws CairnError as `archive`. */
  async entry(id: string, path: string): Promise<StoredObject> {
    const entries = await ArchiveEntries.open(await this.file(id));
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
    const archive = await this.archive(id);
    await archive.close();
    return archive.description;
  }
}
