import { open, rm } from 'node:fs/promises';
import type { Log } from '../log.js';

/** How often the file's modification time is renewed: a check may take six times this for a worker that is gone. */
const RENEW_EVERY_MS = 10_000;

/**
 * Renews the modification time of a file while a worker is sound, for checks from outside: a worker serves no HTTP. Returns
 * the function that ends it and removes the file.
 */
export function showLiveness(path: string, sound: () => boolean, log: Log, everyMs = RENEW_EVERY_MS) {
  let failed = false;
  const renew = async () => {
    if (!sound()) return;
    try {
      const file = await open(path, 'a');
      const now = new Date();
      await file.utimes(now, now).finally(() => file.close());
      failed = false;
    } catch (error) {
      if (!failed) log.warn(`CAIRN_LIVENESS_FILE: ${(error as Error).message}`);
      failed = true;
    }
  };
  let renewing = renew();
  const timer = setInterval(() => {
    renewing = renew();
  }, everyMs);
  return async (): Promise<void> => {
    clearInterval(timer);
    await renewing;
    await rm(path, { force: true }).catch(() => undefined);
  };
}
