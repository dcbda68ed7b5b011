import { describe, expect, jest, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, relative } from 'node:path';
import { withCause, type CairnError } from '../../../../src/errors.js';
import { FileStore } from '../../../../src/features/store/file-store.js';
import { chunksOf } from '../../../support/chunks.js';
import { expectNoOpenFiles } from '../../../support/open-files.js';
import { runScript } from '../../../support/run-script.js';
import { useTempDirs } from '../../../support/temp-dir.js';
import { testStore } from './store-conformance.js';

const tempDir = useTempDirs();

/** The files below `folder`, hidden ones too. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory());
  return files.map((entry) => relative(folder, join(entry.parentPath, entry.name))).toSorted();
}

let root: string;
testStore({
  name: 'of files',
  make: async () => {
    root = join(await tempDir(), 'store');
    await mkdir(root);
    return new FileStore(root);
  },
  list: () => filesBelow(root),
  age: async (key, ms) => {
    const then = new Date(Date.now() - ms);
    await utimes(join(root, key), then, then);
  },
});

const ID = '01234567-89ab-cdef-0123-456789abcdef';

/** The id of a process that has ended. */
function deadProcess(): Promise<number> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, ['--version'], () => resolve(child.pid!));
  });
}

describe('FileStore', () => {
  expectNoOpenFiles();

  test('makes its folder when it is first needed', async () => {
    const folder = join(await tempDir(), 'deep', 'down');
    const store = new FileStore(folder);
    expect(await store.open('object')).toBeUndefined();
    await store.put('a/object', chunksOf('x'));
    expect(await readFile(join(folder, 'a/object'), 'utf8')).toBe('x');
  });

  test('writes to a hidden file beside the object, named after its writer', async () => {
    const folder = await tempDir();
    let files: string[] = [];
    const watching = async function* () {
      yield Buffer.from('x');
      files = await filesBelow(folder);
      yield Buffer.from('y');
    };
    await new FileStore(folder).put('a/object', watching());
    expect(files).toHaveLength(1);
    expect(files[0]).toMatch(/^a\/\.partial\./);
    expect(files[0]).toContain(`.${hostname()}.${process.pid}.`);
  });

  test('sweeps the unfinished files of dead processes, and of those alone', async () => {
    const folder = await tempDir();
    const dead = await deadProcess();
    const names = {
      dead: `.partial.${hostname()}.${dead}.${ID}`,
      living: `.partial.${hostname()}.${process.pid}.${ID}`,
      parent: `.partial.${hostname()}.${process.ppid}.${ID}`,
      elsewhere: `.partial.another-host.${dead}.${ID}`,
      elsewhereLongAgo: `.partial.another-host.${dead}1.${ID}`,
    };
    for (const name of Object.values(names)) await writeFile(join(folder, name), 'x');
    const twoDaysAgo = new Date(Date.now() - 48 * 3600_000);
    await utimes(join(folder, names.elsewhereLongAgo), twoDaysAgo, twoDaysAgo);
    await mkdir(join(folder, 'below'));
    await new FileStore(join(folder, '..')).sweep(relative(join(folder, '..'), folder), 1e9);
    expect(await filesBelow(folder)).toEqual([names.living, names.parent, names.elsewhere].toSorted());
  });

  test('takes a process that it may not signal for a living one', async () => {
    const folder = await tempDir();
    const name = `.partial.${hostname()}.4242.${ID}`;
    await mkdir(join(folder, 'images'));
    await writeFile(join(folder, 'images', name), 'x');
    const kill = jest.spyOn(process, 'kill').mockImplementation(() => {
      throw Object.assign(new Error('not permitted'), { code: 'EPERM' });
    });
    try {
      await new FileStore(folder).sweep('images', 0);
      expect(kill).toHaveBeenCalledWith(4242, 0);
    } finally {
      kill.mockRestore();
    }
    expect(await filesBelow(folder)).toEqual([`images/${name}`]);
  });

  test('a file that stands where a folder should is an error of the store, and nothing is left', async () => {
    const folder = await tempDir();
    const store = new FileStore(folder);
    await store.put('object', chunksOf('x'));
    await expect(store.put('object/below', chunksOf('y'))).rejects.toMatchObject({ code: 'store-failed' });
    await mkdir(join(folder, 'folder/below'), { recursive: true });
    await expect(store.put('folder', chunksOf('y'))).rejects.toMatchObject({ code: 'store-failed' });
    expect(await filesBelow(folder)).toEqual(['object']);
  });

  test('a message for clients says what failed but not where the store is; the cause does', async () => {
    const folder = await tempDir();
    const store = new FileStore(folder);
    await store.put('object', chunksOf('x'));
    const thrown = await store.put('object/below', chunksOf('y')).catch((error: unknown) => error as CairnError);
    expect(thrown).toMatchObject({
      code: 'store-failed',
      message: expect.stringMatching(/^The store failed: E[A-Z]+ \(/),
    });
    expect((thrown as CairnError).message).not.toContain(folder);
    expect(withCause(thrown as CairnError)).toContain(folder);
  });

  test('a disk that fills up in the middle of the last chunk fails the put and leaves nothing', async () => {
    const folder = await tempDir();
    const { stdout } = await runScript(
      `const chunks = async function* () { yield new Uint8Array(1 << 20); };
       const store = new FileStore(process.argv[1]);
       await store.put('object', chunks()).then(({ size }) => console.log('kept', size), (error) => console.log(error.code));
       await store.putByDigest('images', chunks(), 1 << 20).then(() => console.log('kept'), (error) => console.log(error.code));`,
      { imports: { FileStore: 'features/store/file-store.js' }, args: [folder], fileSizeLimit: 64 << 10 },
    );
    expect(stdout).toBe('store-full\nstore-full\n');
    expect(await filesBelow(folder)).toEqual([]);
  });
});
