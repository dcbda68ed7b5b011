import { BATCHES_PREFIX } from '../batches/manifest.js';
import { asCairnError } from '../errors.js';
import { FEATURES_PREFIX } from '../features/feature-set.js';
import { quarantineKey, type Store } from '../features/store/store.js';
import { IMAGES_PREFIX } from '../images/image-source.js';
import type { Log } from '../log.js';

const SWEEP_EVERY_MS = 10 * 60_000;
/** How long a damaged object can be looked at. */
const QUARANTINE_TTL_MS = 30 * 24 * 3600_000;
/** Longer than any batch is expected to run. */
const MANIFEST_TTL_MS = 30 * 24 * 3600_000;

/** Removes what has expired, now and every ten minutes. Returns the function that ends it. */
export function keepSwept(store: Pick<Store, 'sweep'>, uploadTtlMs: number, logger: Log): () => void {
  const sweep = () => {
    const swept = [
      store.sweep(IMAGES_PREFIX, uploadTtlMs),
      store.sweep(FEATURES_PREFIX, Infinity),
      store.sweep(BATCHES_PREFIX, MANIFEST_TTL_MS),
      store.sweep(quarantineKey(FEATURES_PREFIX), QUARANTINE_TTL_MS),
      store.sweep(quarantineKey(IMAGES_PREFIX), QUARANTINE_TTL_MS),
    ];
    Promise.all(swept).catch((error: unknown) => logger.warn(`sweep: ${asCairnError(error).message}`));
  };
  sweep();
  const sweeper = setInterval(sweep, SWEEP_EVERY_MS);
  return () => clearInterval(sweeper);
}
