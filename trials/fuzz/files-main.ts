/**
 * A part of `npm run fuzz`, in a process of its own: weights files and archives with wrong bytes, read by the code that the
 * command line and the server read them with. One line of JSON on stdout: what happened.
 *
 *     node dist/trials/main.js fuzz-files SEED SECONDS FOLDER
 *
 * FOLDER has archives (`*.zarr.zip`).
 */
import fc from 'fast-check';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findModel, modelGraph } from '../../src/backbone/catalogue.js';
import { openWeights } from '../../src/backbone/weights/weights.js';
import { CairnError } from '../../src/errors.js';
import { ArchiveReader } from '../../src/features/archive-reader.js';
import { bandsOf } from '../../src/features/level-axes.js';
import { FileStore } from '../../src/features/store/file-store.js';
import { loadZstd } from '../../src/formats/zstd.js';
import { spoiled } from './mutations.js';

const WEIGHTS = fileURLToPath(new URL('../../../test/fixtures/weights/', import.meta.url));
const MODEL = 'mask-rcnn-resnet18';
/** A reader that takes longer hangs, or nearly. */
const SLOW_MS = 20_000;
const REPORT_EVERY_MS = 5000;

export interface FileResults {
  readonly files: number;
  readonly sound: number;
  readonly refused: number;
  readonly breaches: readonly string[];
  readonly slowestMs: number;
  readonly rssMb: { readonly warm: number; readonly end: number };
}

export async function main([seedText = '1', seconds = '10', folder = '']: readonly string[]): Promise<void> {
  const seed = Number(seedText);
  const scratch = mkdtempSync(join(tmpdir(), 'cairn-fuzz-'));
  try {
    console.log(JSON.stringify(await fuzz(seed, Number(seconds), folder, scratch)));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function fuzz(seed: number, seconds: number, folder: string, scratch: string): Promise<FileResults> {
  const zstd = await loadZstd();
  const graph = modelGraph(findModel(MODEL), true);
  const store = new FileStore(scratch);
  const readers: Readonly<Record<string, (path: string, name: string) => Promise<void>>> = {
    weights: async (path) => {
      const reader = await openWeights(path, graph);
      try {
        for (const entry of reader.entries()) await reader.read(entry);
      } finally {
        await reader.close();
      }
    },
    archive: async (_, name) => {
      const reader = await ArchiveReader.open((await store.open(name))!, zstd);
      try {
        await reader.checkAll();
        for (const level of reader.description.levels) {
          for (let band = 0; band < bandsOf(level).count; band++) await reader.band(level, band);
        }
      } finally {
        await reader.close();
      }
    },
  };
  const originals = [...filesOf(WEIGHTS, 'weights'), ...filesOf(folder, 'archive')];
  const drawn = fc
    .constantFrom(...originals)
    .chain(({ kind, name, bytes }) =>
      fc.record({ kind: fc.constant(kind), name: fc.constant(name), bytes: spoiled(fc.constant(bytes)) }),
    );
  const breaches: string[] = [];
  let [files, sound, refused, slowestMs, warm] = [0, 0, 0, 0, 0];
  const end = Date.now() + seconds * 1000;
  let reported = Date.now();
  for (; Date.now() < end; files++) {
    const [{ kind, name, bytes }] = fc.sample(drawn, { seed: seed + files, numRuns: 1 }) as [
      { kind: string; name: string; bytes: Buffer },
    ];
    const path = join(scratch, 'file');
    writeFileSync(path, bytes);
    const begun = performance.now();
    try {
      await readers[kind]!(path, 'file');
      sound++;
    } catch (error) {
      if (error instanceof CairnError && error.code !== 'internal') refused++;
      else
        breaches.push(
          `file ${files} of seed ${seed} (${name}): ${error instanceof Error ? error.stack : String(error)}`,
        );
    }
    const took = performance.now() - begun;
    if (took > SLOW_MS) breaches.push(`file ${files} of seed ${seed} (${name}) took ${(took / 1000).toFixed(1)} s`);
    slowestMs = Math.max(slowestMs, took);
    if (files === 200) warm = process.memoryUsage.rss() / 1e6;
    if (Date.now() > reported + REPORT_EVERY_MS) {
      reported = Date.now();
      process.stderr.write(`fuzz  ${files} files\n`);
    }
  }
  return {
    files,
    sound,
    refused,
    breaches: breaches.slice(0, 20),
    slowestMs,
    rssMb: { warm, end: process.memoryUsage.rss() / 1e6 },
  };
}

function filesOf(folder: string, kind: string) {
  return readdirSync(folder, { withFileTypes: true })
    .filter(
      (entry) =>
        entry.isFile() && (kind === 'weights' ? !entry.name.endsWith('.json') : entry.name.endsWith('.zarr.zip')),
    )
    .map(({ name }) => ({ kind, name, bytes: readFileSync(join(folder, name)) }));
}
