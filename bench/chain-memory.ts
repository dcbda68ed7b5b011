/** Resident memory of this process while a chain runs: `--variant jpeg --images 100 --size 1024`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Backbone } from '../src/backbone/backbone.js';
import { softwareVersion } from '../src/config/version.js';
import { FileStore } from '../src/features/store/file-store.js';
import { loadZstd } from '../src/formats/zstd.js';
import { Extractor } from '../src/worker/extractor.js';
import { readPhotos, requestOf, runChain } from './chain.js';

export interface Memory {
  readonly variant: string;
  /** Images done, and resident memory then. */
  readonly mb: readonly (readonly [images: number, mb: number])[];
}

const { values: flags } = parseArgs({
  allowPositionals: true,
  options: { variant: { type: 'string' }, images: { type: 'string' }, size: { type: 'string' } },
});
const images = Number(flags.images);
/** A fifth, two fifths … of them. */
const marks = [1, 2, 3, 4, 5].map((fifth) => Math.ceil((fifth * images) / 5));

const folder = await mkdtemp(join(tmpdir(), 'cairn-bench-'));
const backbone = new Backbone();
try {
  const store = new FileStore(folder);
  const parts = { backbone, store, zstd: await loadZstd(), softwareVersion: softwareVersion() };
  const request = requestOf('mask-rcnn-resnet50', flags.variant!, Number(flags.size));
  const mb: [number, number][] = [];
  const note = (done: number) => marks.includes(done) && mb.push([done, process.memoryUsage.rss() / 2 ** 20]);
  await runChain(
    { extractor: new Extractor(parts), backbone, store, request, images: await readPhotos() },
    images,
    note,
  );
  const memory: Memory = { variant: flags.variant!, mb };
  console.log(JSON.stringify(memory));
} finally {
  await backbone.close();
  await rm(folder, { recursive: true, force: true });
}
