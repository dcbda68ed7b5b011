import { CairnError } from '../errors.js';
import { ArchiveEntries, ArchiveReader } from './archive-reader.js';
import { archiveKey, type Description } from './feature-set.js';
import type { Store, StoredObject } from './store/store.js';
import { isSha256 } from '../formats/sha256.js';
import type { Zstd } from '../formats/zstd.js';

/** Descriptions that are remembered, of some kilobytes each. */
const MAX_KNOWN = 1000;

/** The archives in the store, by feature set id. */
export class FeatureLibrary {
  private readonly known = new Map<string, { readonly modified: number; readonly description: Description }>();

  constructor(
    private readonly store: Pick<Store, 'open' | 'has'>,
    private readonly zstd: Zstd,
  ) {}

  async has(id: string): Promise<boolean> {
    return isSha256(id) && this.store.has(archiveKey(id));
  }

  /** The archive as a file, to be closed by the caller. @throws CairnError `features-not-found`. */
  async file(id: string): Promise<StoredObject> {
    const object = await this.open(id);
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
    return this.read(await this.file(id), id);
  }

  /** As `describe`; undefined where there is no such set. */
  async find(id: string): Promise<Description | undefined> {
    const object = await this.open(id);
    return object && this.read(object, id);
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
    const archive = await ArchiveReader.open(object, this.zstd);
    await archive.close();
    const { description } = archive;
    this.known.delete(id);
    this.known.set(id, { modified: object.modified.getTime(), description });
    // The oldest entry comes first.
    if (this.known.size > MAX_KNOWN) this.known.delete(this.known.keys().next().value!);
    return description;
  }
}
