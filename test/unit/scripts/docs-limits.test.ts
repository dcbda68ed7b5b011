import { expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { loadConfig } from '../../../src/config/config.js';
import { LIMITS, type Limit } from '../../../src/config/limits.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const read = (file: string) => readFileSync(`${ROOT}/${file}`, 'utf8');

test('docs/limits.md is what the code says', async () => {
  const script = promisify(execFile)(process.execPath, ['scripts/docs-limits.mjs', '--built', '--check'], {
    cwd: ROOT,
  });
  await expect(script).resolves.toMatchObject({ stderr: '' });
});

test('every limit is a setting of docs/configuration.md, with the same default', () => {
  const rows = read('docs/configuration.md').match(/^\|.*\|$/gm)!;
  for (const [name, { standard, unit }] of Object.entries<Limit>(LIMITS)) {
    const row = rows.find((line) => line.includes(`\`${name}\``));
    expect([name, row]).toEqual([name, expect.anything()]);
    // Long times are in words.
    if (typeof standard === 'string' || (unit === 'milliseconds' && standard >= 600_000)) continue;
    expect([name, row]).toEqual([name, expect.stringContaining(`\`${standard}\``)]);
  }
});

test.each(Object.entries<Limit>(LIMITS))('%s is checked against its range', (name, { standard, least = 1, most }) => {
  expect(() => loadConfig({ [name]: String(least) })).not.toThrow();
  expect(() => loadConfig({ [name]: String(least - 1) })).toThrow(name);
  expect(() => loadConfig({ [name]: '1.5' })).toThrow(name);
  if (most !== undefined) expect(() => loadConfig({ [name]: String(most + 1) })).toThrow(name);
  if (typeof standard === 'number') expect(standard).toBeGreaterThanOrEqual(least);
});
