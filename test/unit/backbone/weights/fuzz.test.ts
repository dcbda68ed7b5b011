import { describe, expect, test } from '@jest/globals';
import { fixturePath } from '../../../support/fixtures.js';
import { fixtureGraphOf, KERAS, SLIM, TORCH } from '../../../support/fixture-weights.js';
import { runScript } from '../../../support/run-script.js';
import { useTempDirs } from '../../../support/temp-dir.js';

const tempDir = useTempDirs();

/**
 * Loads one file cut at many lengths and with bytes changed, by a fixed seed, in a process of its own:
 * what is not caught would end it, what never ends would be ended. Prints what came of the attempts, by
 * code, and the first errors that are not Cairn's.
 */
const SCRIPT = `
  import { readFileSync, writeFileSync } from 'node:fs';
  const [file, damaged, graph, attempts] = [process.argv[1], process.argv[2], JSON.parse(process.argv[3]), Number(process.argv[4])];
  const sound = readFileSync(file);
  let seed = 1;
  const random = (below) => Math.floor(((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32) * below);
  const outcomes = {}, wrong = [];
  const attempt = async (bytes, what) => {
    writeFileSync(damaged, bytes);
    const outcome = await loadWeights(damaged, graph).then(() => 'loaded', (error) => {
      if (error.name !== 'CairnError') wrong.push(what + ': ' + error.stack);
      return error.code;
    });
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  };
  await attempt(sound, 'whole');
  for (let i = 0; i < attempts; i++) {
    const length = Math.floor((i * sound.length) / attempts);
    await attempt(sound.subarray(0, length), 'cut at ' + length);
    const bytes = Buffer.from(sound);
    const at = random(bytes.length);
    bytes[at] = [0, 255, 128, bytes[at] ^ (1 << random(8))][random(4)];
    if (random(2)) bytes[random(bytes.length)] = random(256);
    await attempt(bytes, 'changed at ' + at);
  }
  console.log(JSON.stringify({ outcomes, wrong: wrong.slice(0, 3) }));
`;
const imports = { loadWeights: 'backbone/weights/weights.js' };

async function fuzz(file: string, convention: typeof KERAS, attempts: number) {
  const damaged = `${await tempDir()}/damaged`;
  const args = [fixturePath(`weights/${file}`), damaged, JSON.stringify(fixtureGraphOf(convention)), String(attempts)];
  const { status, stdout, stderr } = await runScript(SCRIPT, { imports, args });
  expect([status, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as { outcomes: Record<string, number>; wrong: string[] };
}

describe('damaged files are refused, whatever the damage', () => {
  test.each([
    ['numpy.npz', KERAS, 200],
    ['numpy-compressed-float16.npz', KERAS, 200],
    ['slim.npz', SLIM, 100],
    ['torch.safetensors', TORCH, 200],
    ['torch-bfloat16.safetensors', TORCH, 100],
    ['torch.pth', TORCH, 200],
    ['torch-legacy.pth', TORCH, 200],
    ['torch-checkpoint.pth', TORCH, 100],
    ['pickled-4.pkl', KERAS, 200],
    // Each attempt at HDF5 starts a thread.
    ['keras2.h5', KERAS, 5],
    ['keras3.weights.h5', KERAS, 5],
  ])('%s', async (file, convention, attempts) => {
    const { outcomes, wrong } = await fuzz(file, convention, attempts);
    expect(wrong).toEqual([]);
    expect(outcomes['loaded']).toBeGreaterThan(0);
    // A pickle that is cut or changed may also ask for what it must not.
    const refused = (outcomes['weights-unreadable'] ?? 0) + (outcomes['weights-unsafe-pickle'] ?? 0);
    expect(refused).toBeGreaterThanOrEqual(attempts - 1);
  });

  test.each([
    ['numpy-objects.npz', 100],
    ['slim.ckpt.index', 100],
  ])('%s, which is never read', async (file, attempts) => {
    const { outcomes, wrong } = await fuzz(file, KERAS, attempts);
    expect(wrong).toEqual([]);
    expect(outcomes['loaded']).toBeUndefined();
  });
});
