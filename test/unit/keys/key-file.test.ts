import { describe, expect, test } from '@jest/globals';
import { formatKey, MAX_KEYS, parseKeyFile } from '../../../src/keys/key-file.js';

const digest = (n: number) => `sha256:${n.toString(16).padStart(64, '0')}`;

describe('the file of keys', () => {
  test('has a line per key', () => {
    const { keys, bad } = parseKeyFile(
      `# who may come in\n\nalice ${digest(1)} read,submit\r\n\tbob\t${digest(2)}   admin  jobs=10 bytes-per-day=1000000 requests-per-second=5 \n`,
    );
    expect(bad).toEqual([]);
    expect(keys).toEqual([
      {
        name: 'alice',
        digest: Buffer.from(digest(1).slice(7), 'hex'),
        scopes: new Set(['read', 'submit']),
        quotas: {},
      },
      {
        name: 'bob',
        digest: Buffer.from(digest(2).slice(7), 'hex'),
        scopes: new Set(['admin']),
        quotas: { jobs: 10, 'bytes-per-day': 1_000_000, 'requests-per-second': 5 },
      },
    ]);
  });

  test('is written as it is read', () => {
    const line = `bob ${digest(2)} read,admin requests-per-second=5 jobs=10`;
    expect(formatKey(parseKeyFile(line).keys[0]!)).toBe(line);
  });

  test('may have several secrets of one name', () => {
    expect(parseKeyFile(`a ${digest(1)} read\na ${digest(2)} read`).keys.map(({ name }) => name)).toEqual(['a', 'a']);
  });

  const SECRET = 'cairn_0123456789';
  test.each([
    [SECRET, /digest/],
    [`alice ${SECRET} read`, /digest/],
    [`alice ${digest(1).slice(7)} read`, /digest/],
    [`alice ${digest(1).toUpperCase()} read`, /digest/],
    [`alice ${digest(1)}`, /scopes are read, submit, admin/],
    [`alice ${digest(1)} read,write`, /scopes/],
    [`alice ${digest(1)} read,`, /scopes/],
    [`alice ${digest(1)} read jobs`, /quotas/],
    [`alice ${digest(1)} read jobs=0`, /quotas/],
    [`alice ${digest(1)} read jobs=-1`, /quotas/],
    [`alice ${digest(1)} read jobs=1e9`, /quotas/],
    [`alice ${digest(1)} read __proto__=1`, /quotas/],
    [`../x ${digest(1)} read`, /name/],
    [`a:b ${digest(1)} read`, /name/],
    [`ä ${digest(1)} read`, /name/],
    [`${'a'.repeat(65)} ${digest(1)} read`, /name/],
  ])('%s gives nobody access, and is not repeated', (line, problem) => {
    const { keys, bad } = parseKeyFile(`ok ${digest(7)} read\n${line}\nok2 ${digest(8)} read`);
    expect(keys.map(({ name }) => name)).toEqual(['ok', 'ok2']);
    expect(bad).toEqual([{ line: 2, problem: expect.stringMatching(problem) }]);
    expect(JSON.stringify(bad)).not.toContain(SECRET);
  });

  test('has each digest once, and not too many', () => {
    expect(parseKeyFile(`a ${digest(1)} read\nb ${digest(1)} admin`)).toMatchObject({
      keys: [{ name: 'a' }],
      bad: [{ line: 2 }],
    });
    const many = Array.from({ length: MAX_KEYS + 2 }, (_, i) => `k${i} ${digest(i)} read`).join('\n');
    const { keys, bad } = parseKeyFile(many);
    expect([keys.length, bad.length]).toEqual([MAX_KEYS, 2]);
  });
});
