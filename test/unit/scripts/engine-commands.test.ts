import { describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

describe.each(['engine-tensorflow', 'engine-cuda'])('scripts/%s.mjs', (name) => {
  const script = fileURLToPath(new URL(`../../../scripts/${name}.mjs`, import.meta.url));
  const run = promisify(execFile);

  test('prints its options when asked', async () => {
    const { stdout } = await run(process.execPath, [script, '--help']);
    expect(stdout).toMatch(/^npm run engine:\w+ \[-- OPTIONS\]/);
    expect(stdout).toMatch(/--no-proof/);
  });

  test('refuses an option it does not know, with status 1', async () => {
    const failure = run(process.execPath, [script, '--nonsense']);
    await expect(failure).rejects.toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/arguments failed: .*--nonsense/),
    });
  });
});
