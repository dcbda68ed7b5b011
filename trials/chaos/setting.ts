import { join } from 'node:path';
import { Place } from '../place/place.js';
import type { Server } from '../place/server.js';
import { canMount, mountSmallDisk, type SmallDisk } from '../place/small-disk.js';
import { World } from '../place/world.js';

/** Uploads and archives of a long run, which are small. */
const DISK_BYTES = 2 ** 30;
const MIB = 1 << 20;
export const LOCK_MS = 3000;
const ENV = {
  CAIRN_LOCK_DURATION_MS: String(LOCK_MS),
  CAIRN_DRAIN_TIMEOUT_MS: '20000',
  CAIRN_STORE_RESERVE_BYTES: String(4 * MIB),
  CAIRN_QUEUE_LIMIT: '400',
  CAIRN_URL_ALLOW: '127.0.0.1',
  CAIRN_URL_TIMEOUT_MS: '2000',
  CAIRN_THREADS: '1',
  CAIRN_MAX_SESSIONS: '6',
};
/** Each has a clock of its own; all workers have the same. */
export const CLOCKS = ['redis', 'api', 'worker'] as const;

/** The processes under test, and what can be done to the world around them on this machine. */
export interface Setting {
  readonly place: Place;
  readonly disk: SmallDisk | undefined;
  readonly world: World | undefined;
  readonly start: (role: 'api' | 'worker') => Promise<Server>;
}

/** `say` receives what this machine cannot do. */
export async function openSetting(
  say: (line: string) => void,
  onCrash: (line: string) => void,
  keep: boolean,
): Promise<Setting> {
  let world: World | undefined;
  const prepare = (folder: string) => {
    world = World.prepare(folder);
    if (!world) say('skipped: power cuts and clocks (no C compiler, or no Linux)');
    return world?.env('redis') ?? {};
  };
  const place = await Place.open({ env: ENV, onCrash, keep, prepare });
  try {
    const disk = canMount ? mountSmallDisk(place.data, DISK_BYTES) : undefined;
    if (disk)
      place.cleanUp.add(() => {
        disk.unmount();
        return Promise.resolve();
      });
    else say('skipped: disks that are full or read-only (this user may not mount)');
    return { place, disk, world, start: (role) => place.start(role, world?.env(role)) };
  } catch (error) {
    await place.close();
    throw error;
  }
}

export const redisFolder = (place: Place) => join(place.folder, 'redis');
