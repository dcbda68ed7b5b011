import { expect, test } from '@jest/globals';
import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { builtFile } from '../../support/fixtures.js';
import { isProcessAlive, isWriterName, writerName, writerState } from '../../../src/files/unfinished-file.js';

const ID = '01234567-89ab-cdef-0123-456789abcdef';
const DAY_MS = 24 * 3600_000;
/** The name of a writer of this host and container. */
const nameOf = (pid: number) => writerName().replace(/\.\d+\.[0-9a-f-]+$/, `.${pid}.${ID}`);

test('a writer of this host is dead when its process has ended; others are silent after a day', async () => {
  const child = execFile(process.execPath, ['--version']);
  await once(child, 'exit');
  expect([isProcessAlive(process.pid), isProcessAlive(process.ppid), isProcessAlive(child.pid!)]).toEqual([
    true,
    true,
    false,
  ]);
  expect(writerState(nameOf(child.pid!), 0)).toBe('dead');
  expect(writerState(`another-host.${child.pid}.${ID}`, 0)).toBe('active');
  expect(writerState(`another-host.${child.pid}.${ID}`, DAY_MS + 1)).toBe('silent');
  expect(writerState(writerName(), 0)).toBe('active');
});

test('only full names are those of writers', () => {
  expect(isWriterName(writerName())).toBe(true);
  expect(isWriterName(`my.dotted.host.12.${ID}`)).toBe(true);
  expect(isWriterName('backup')).toBe(false);
  expect(isWriterName(`host.12.${ID}.part`)).toBe(false);
});

test('the processes of another container with the same host name cannot be looked up', async () => {
  const child = execFile(process.execPath, ['--version']);
  await once(child, 'exit');
  const name = `${hostname()}.ns-0badcafe.${child.pid}.${ID}`;
  expect(isWriterName(name)).toBe(true);
  expect([writerState(name, 0), writerState(name, DAY_MS + 1)]).toEqual(['active', 'silent']);
});

test('a writer in a real namespace of its own is not taken for dead', () => {
  const module = builtFile('files/unfinished-file.js').href;
  const script = `import('${module}').then(({ writerName }) => console.log(writerName()))`;
  const args = ['--user', '--map-root-user', '--pid', '--fork', process.execPath, '--eval', script];
  const { stdout, status } = spawnSync('unshare', args, {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  // Not every machine lets its users make namespaces; the test above needs none.
  if (status !== 0) return;
  expect(writerState(stdout.trim(), 0)).toBe('active');
});
