import { createHash } from 'node:crypto';
import { BATCHES_PREFIX, ManifestReader } from '../../batches/manifest.js';
import { asCairnError, CairnError } from '../../errors.js';
import { ArchiveReader } from '../../features/archive-reader.js';
import { archiveKey, FEATURES_PREFIX } from '../../features/feature-set.js';
import type { Store, StoredObject } from '../../features/store/store.js';
import type { Zstd } from '../../formats/zstd.js';
import { IMAGES_PREFIX } from '../../images/image-source.js';

/** Lines of a manifest that are read at a time. */
const LINES = 1000;

/** What a store holds below one prefix, and what of it is damaged. */
export interface Finding {
  readonly kind: 'features' | 'images' | 'batches';
  readonly checked: number;
  readonly bytes: number;
  readonly damaged: readonly Damage[];
}

export interface Damage {
  readonly key: string;
  readonly reason: string;
  /** Whether it was moved to the quarantine. */
  readonly repaired: boolean;
}

/** Checks an object, which it closes. @throws CairnError that says how it is damaged. */
type Check = (object: StoredObject, key: string, store: Store, zstd: Zstd) => Promise<void>;

const CHECKS: readonly (readonly [Finding['kind'], string, Check])[] = [
  ['features', FEATURES_PREFIX, checkArchive],
  ['images', IMAGES_PREFIX, checkUpload],
  ['batches', BATCHES_PREFIX, checkManifest],
];

/**
 * Reads every object of a store. With `repair`, damaged ones go to the quarantine, so that they are made anew (features), have
 * to be sent again (uploads) or end their batch (manifests); what dead writers have left is removed.
 *
 * @throws CairnError where the store cannot be read or written to.
 */
export async function* checkStore(store: Store, zstd: Zstd, { repair }: { repair: boolean }): AsyncGenerator<Finding> {
  for (const [kind, prefix, check] of CHECKS) {
    const damaged: Damage[] = [];
    let [checked, bytes] = [0, 0];
    for await (const key of store.list(prefix)) {
      const object = await store.open(key);
      // A service that runs may have swept it meanwhile.
      if (!object) continue;
      const { size, modified } = object;
      checked++;
      bytes += size;
      try {
        await check(object, key, store, zstd);
      } catch (error) {
        const { code, message: reason } = asCairnError(error, 'archive-corrupt');
        if (code !== 'archive-corrupt') throw error;
        damaged.push({ key, reason, repaired: repair && (await store.quarantine(key, modified)) });
      }
    }
    if (repair) await store.sweep(prefix, Infinity);
    yield { kind, checked, bytes, damaged };
  }
}

async function checkArchive(object: StoredObject, key: string, _: Store, zstd: Zstd): Promise<void> {
  const archive = await ArchiveReader.open(object, zstd);
  try {
    await archive.checkAll();
    if (archiveKey(archive.description.id) !== key) throw damage(`it holds the feature set ${archive.description.id}`);
  } finally {
    await archive.close();
  }
}

async function checkUpload(object: StoredObject, key: string): Promise<void> {
  const hash = createHash('sha256');
  try {
    for (let at = 0; at < object.size; at += PIECE_BYTES) {
      hash.update(await object.read(at, Math.min(PIECE_BYTES, object.size - at)));
    }
  } finally {
    await object.close();
  }
  if (`${IMAGES_PREFIX}/${hash.digest('hex')}` !== key)
    throw damage('its bytes do not have the digest that it is named by');
}

const PIECE_BYTES = 1 << 20;

async function checkManifest(object: StoredObject, key: string, store: Store): Promise<void> {
  await object.close();
  const manifest = await ManifestReader.open(store, key);
  if (!manifest) return;
  try {
    for (let at = 0; at < manifest.size;) at = (await manifest.read(at, LINES)).end;
  } finally {
    await manifest.close();
  }
}

function damage(reason: string): CairnError {
  return new CairnError('archive-corrupt', reason);
}
