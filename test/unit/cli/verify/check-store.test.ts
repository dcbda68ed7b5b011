import { beforeEach, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { checkStore, type Finding } from '../../../../src/cli/verify/check-store.js';
import { writeArchive } from '../../../../src/features/archive-writer.js';
import { archiveKey } from '../../../../src/features/feature-set.js';
import { FileStore } from '../../../../src/features/store/file-store.js';
import { loadZstd } from '../../../../src/formats/zstd.js';
import { chunksOf } from '../../../support/chunks.js';
import { flipAt, flipEntry } from '../../../support/damage.js';
import { featureSet, plansOf } from '../../../support/feature-sets.js';
import { payloadOf } from '../../../support/jobs.js';
import { expectNoOpenFiles } from '../../../support/open-files.js';
import { useTempDirs } from '../../../support/temp-dir.js';

expectNoOpenFiles();
const tempDir = useTempDirs();
const zstd = await loadZstd();
const ids = ['aa', 'bb', 'cc'].map((byte) => byte.repeat(32));
let folder: string;
let store: FileStore;

beforeEach(async () => {
  folder = await tempDir();
  store = new FileStore(folder);
  for (const id of ids) await store.put(archiveKey(id), writeArchive(featureSet(plansOf('uint8'), { id }), zstd));
  for (const text of ['one', 'two']) await store.putByDigest('images', chunksOf(text), 99);
  const line = { payload: { ...payloadOf(), batch: { id: 'b'.repeat(32), line: 1, name: 'n' } }, priority: 'low' };
  for (const name of ['m', 'n']) await store.put(`batches/${name}`, chunksOf(`${JSON.stringify(line)}\n`));
});

async function check(repair = false): Promise<Finding[]> {
  const findings: Finding[] = [];
  for await (const finding of checkStore(store, zstd, { repair })) findings.push(finding);
  return findings;
}

async function damageOneOfEach(): Promise<string> {
  await flipEntry(join(folder, archiveKey(ids[1]!)), 'C3/c/0/0/0');
  const { key } = await store.putByDigest('images', chunksOf('three'), 99);
  await flipAt(join(folder, key), 2);
  await flipAt(join(folder, 'batches/n'), 0);
  return key;
}

test('a sound store has nothing damaged', async () => {
  expect(await check()).toMatchObject([
    { kind: 'features', checked: 3, damaged: [] },
    { kind: 'images', checked: 2, bytes: 6, damaged: [] },
    { kind: 'batches', checked: 2, damaged: [] },
  ]);
});

test('what is damaged is reported with its reason, and stays', async () => {
  const image = await damageOneOfEach();
  for (let times = 0; times < 2; times++) {
    expect((await check()).map(({ damaged }) => damaged)).toEqual([
      [{ key: archiveKey(ids[1]!), reason: expect.stringContaining('C3/c/0/0/0 fails'), repaired: false }],
      [{ key: image, reason: expect.stringContaining('digest'), repaired: false }],
      [{ key: 'batches/n', reason: expect.stringContaining('damaged'), repaired: false }],
    ]);
  }
});

test('an archive under the id of another is damaged', async () => {
  await store.put(archiveKey(ids[0]!), writeArchive(featureSet(plansOf('uint8'), { id: ids[2]! }), zstd));
  expect((await check())[0]!.damaged).toMatchObject([{ key: archiveKey(ids[0]!) }]);
});

test('repairing moves the damaged away, removes what dead writers left, and finds nothing the next time', async () => {
  const image = await damageOneOfEach();
  const dead = `.partial.${hostname()}.${spawnSync('true').pid}.${randomUUID()}`;
  await writeFile(join(folder, 'images', dead), 'half');
  expect((await check(true)).flatMap(({ damaged }) => damaged.map(({ repaired }) => repaired))).toEqual([
    true,
    true,
    true,
  ]);
  expect((await check()).map(({ checked, damaged }) => [checked, damaged])).toEqual([
    [2, []],
    [2, []],
    [1, []],
  ]);
  expect(await readdir(join(folder, 'images'))).not.toContain(dead);
  for (const key of [archiveKey(ids[1]!), image, 'batches/n']) expect(await store.has(`quarantine/${key}`)).toBe(true);
});
