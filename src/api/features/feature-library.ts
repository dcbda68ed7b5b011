import { CairnError } from '../../errors.js';
import { ArchiveReader } from '../../features/archive-reader.js';
import { archiveKey, type Description } from '../../features/feature-set.js';
import type { Store, StoredObject } from '../../features/store/store.js';
import type { Zstd } from '../../features/zstd.js';

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

  /** How a feature set was made. @throws CairnError as `archive`. */
  async describe(id: string): Promise<Description> {
    const archive = await this.archive(id);
    await archive.close();
    return archive.description;
  }
}
