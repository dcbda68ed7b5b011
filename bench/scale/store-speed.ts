import pLimit from 'p-limit';
import { FileStore } from '../../src/features/store/file-store.js';
import { processorTime } from './processor-time.js';

/** How fast the store alone takes objects, each flushed to the disk. */
export interface StoreSpeed {
  readonly writers: number;
  readonly bytes: number;
  readonly perSecond: number;
  /** Processor time per object, in milliseconds. */
  readonly ms: number;
}

const OBJECTS = 100;
const WRITERS = [1, 4];

/** Writes one archive many times under different keys, by one writer and by several. */
export async function measureStore(folder: string, archive: Buffer): Promise<StoreSpeed[]> {
  const store = new FileStore(folder);
  const speeds: StoreSpeed[] = [];
  for (const writers of WRITERS) {
    const turns = pLimit(writers);
    const before = await processorTime(process.pid);
    const begun = performance.now();
    const chunks = async function* () {
      await Promise.resolve();
      yield archive;
    };
    await Promise.all(
      Array.from({ length: OBJECTS }, (_, index) => turns(() => store.put(`${writers}/${index}`, chunks()))),
    );
    const seconds = (performance.now() - begun) / 1000;
    const { all } = await processorTime(process.pid);
    const ms = (1000 * (all - before.all)) / OBJECTS;
    speeds.push({ writers, bytes: archive.length, perSecond: OBJECTS / seconds, ms });
  }
  return speeds;
}
