import { expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fixturePath } from '../../../../support/fixtures.js';
import { runScript } from '../../../../support/run-script.js';
import { useTempDirs } from '../../../../support/temp-dir.js';

const tempDir = useTempDirs();

/** `CAIRN_FUZZ=200000 npm test -- test/unit/backbone/weights/pickle/fuzz.test.ts` for the full count. */
const MUTATIONS = Number(process.env['CAIRN_FUZZ'] ?? 5000);
const SEED = Number(process.env['CAIRN_FUZZ_SEED'] ?? 1);
const SEEDS = [
  'torch.pth',
  'torch-checkpoint.pth',
  'torch-legacy.pth',
  'pickled-2.pkl',
  'pickled-4.pkl',
  'large-python2.pkl',
];
/** The heap that the process may use, and what all of it may: Node.js itself takes about 90 MiB. */
const [HEAP_MIB, MOST_MIB] = [160, 400];

/**
 * Mutates the pickles of sound files, some of the mutations with calls that would write a file, and reads all tensors of
 * what comes out. Prints what came of it by code, errors that are not Cairn's, and the peak of the process's memory.
 */
const SCRIPT = `
  import { readFileSync } from 'node:fs';
  const [marker, count, seed0, ...files] = process.argv.slice(1);
  let seed = Number(seed0) >>> 0;
  const random = (below) => Math.floor(((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32) * below);
  const memory = (bytes) => ({
    size: bytes.length,
    read: async (start, length) => {
      if (start + length > bytes.length) throw new Error('it ends early');
      return Buffer.from(bytes.subarray(start, start + length));
    },
    close: async () => undefined,
  });

  /** What is mutated of a file, and how the whole is read with it. */
  const seeds = [];
  for (const file of files) {
    const bytes = readFileSync(file);
    if (bytes.toString('latin1', 0, 2) === 'PK') {
      const zip = await ZipReader.open(memory(bytes));
      const [name] = [...zip.entries.keys()].filter((one) => one.endsWith('/data.pkl'));
      const data = new Map();
      for (const [key, entry] of zip.entries) data.set(key, await zip.read(entry, entry.uncompressedSize));
      const entries = new Map([...zip.entries]);
      // The zip with another pickle, without packing it anew each time.
      const read = (pickle) => openTorchZip('x', {
        entries,
        open: async (entry) => memory(entry.fileName === name ? pickle : data.get(entry.fileName)),
        read: async (entry, length) => data.get(entry.fileName).subarray(0, length),
        close: async () => undefined,
      });
      seeds.push({ bytes: data.get(name), read });
    } else {
      const legacy = bytes[2] === 0x8a;
      seeds.push({ bytes, read: (pickle) => (legacy ? openTorchLegacy : openNumpyPickle)('x', memory(pickle)) });
    }
  }

  const attack = Buffer.from('cposix\\nsystem\\n(X' + String.fromCharCode(marker.length + 6, 0, 0, 0) + 'touch ' + marker + 'tR', 'latin1');
  const opcodes = Buffer.from('(.012FIJKLMNPQRSTUVXabcd}eghij l]oprstu)G\\x80\\x81\\x82\\x85\\x86\\x87\\x88\\x89\\x8a\\x8b\\x8c\\x8e\\x92\\x93\\x94\\x95\\x96', 'latin1');
  const mutate = (sound) => {
    const other = seeds[random(seeds.length)].bytes;
    let bytes = Buffer.from(sound);
    for (let left = 1 + random(4); left > 0; left--) {
      const at = random(bytes.length);
      const from = random(other.length);
      const run = random(40);
      const rest = (skip) => bytes.subarray(Math.min(bytes.length, at + skip));
      switch (random(9)) {
        case 0: bytes[at] ^= 1 << random(8); break;
        case 1: bytes[at] = random(256); break;
        case 2: bytes[at] = opcodes[random(opcodes.length)]; break;
        case 3: bytes = Buffer.concat([bytes.subarray(0, at), rest(run)]); break;
        case 4: bytes = Buffer.concat([bytes.subarray(0, at), other.subarray(from, from + run), rest(0)]); break;
        case 5: bytes = Buffer.concat([bytes.subarray(0, at), other.subarray(from, from + run), rest(run)]); break;
        case 6: bytes = Buffer.concat([bytes.subarray(0, at), attack, rest(0)]); break;
        case 7: for (let i = at; i < Math.min(bytes.length, at + 8); i++) bytes[i] = random(2) ? 255 : 127; break;
        case 8: bytes = bytes.subarray(0, at + 1); break;
      }
      if (bytes.length === 0) bytes = Buffer.from('.');
    }
    return bytes;
  };

  const outcomes = {}, wrong = [];
  for (let i = 0; i < Number(count); i++) {
    const { bytes, read } = seeds[i % seeds.length];
    const mutated = i < seeds.length ? bytes : mutate(bytes);
    let outcome = 'read';
    try {
      const reader = await read(mutated);
      for (const entry of reader.entries()) {
        await reader.read(entry).catch((error) => {
          if (error.code !== 'weights-unreadable') throw error;
        });
      }
      await reader.close();
    } catch (error) {
      outcome = error.code ?? error.name;
      if (error.name !== 'CairnError') wrong.push(i + ': ' + error.stack);
    }
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  // Linux hands the maxRSS of the parent, from before exec, on to its child; VmHWM is that of the program itself.
  const own = process.platform === 'linux' && /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1];
  const mib = (own || process.resourceUsage().maxRSS) / 1024;
  console.log(JSON.stringify({ outcomes, wrong: wrong.slice(0, 3), mib }));
`;
const imports = {
  ZipReader: 'formats/zip/zip-reader.js',
  openTorchZip: 'backbone/weights/pickle/torch-zip.js',
  openTorchLegacy: 'backbone/weights/pickle/torch-legacy.js',
  openNumpyPickle: 'backbone/weights/pickle/numpy-pickle.js',
};

test(`${MUTATIONS} mutated pickles are refused or read; nothing runs, and memory is bounded`, async () => {
  const marker = join(await tempDir(), 'marker');
  const args = [marker, String(MUTATIONS), String(SEED), ...SEEDS.map((name) => fixturePath(`weights/${name}`))];
  const flags = [`--max-old-space-size=${HEAP_MIB}`];
  const { status, stdout, stderr } = await runScript(SCRIPT, { imports, args, flags, timeoutMs: 3600_000 });
  expect([status, stderr]).toEqual([0, '']);
  const { outcomes, wrong, mib } = JSON.parse(stdout) as {
    outcomes: Record<string, number>;
    wrong: string[];
    mib: number;
  };
  expect(wrong).toEqual([]);
  expect(Object.keys(outcomes).toSorted()).toEqual(['read', 'weights-unreadable', 'weights-unsafe-pickle']);
  expect(Object.values(outcomes).reduce((sum, each) => sum + each, 0)).toBe(MUTATIONS);
  expect(outcomes['read']).toBeGreaterThanOrEqual(SEEDS.length);
  expect(existsSync(marker)).toBe(false);
  expect(mib).toBeLessThan(MOST_MIB);
  if (process.env['CAIRN_FUZZ']) console.log(JSON.stringify({ outcomes, mib }));
}, 3600_000);
