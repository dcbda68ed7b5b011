import { expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { isProcessAlive, isWriterName, writerName, writerState } from '../../../src/files/unfinished-file.js';

const ID = '01234567-89ab-cdef-0123-456789abcdef';
const DAY_MS = 24 * 3600_000;

test('a writer of this host is dead when its process has ended; others are silent after a day', async () => {
  const child = execFile(process.execPath, ['--version']);
  await once(child, 'exit');
  expect([isProcessAlive(process.pid), isProcessAlive(process.ppid), isProcessAlive(child.pid!)]).toEqual([
    true,
    true,
    false,
  ]);
  expect(writerState(`${hostname()}.${child.pid}.${ID}`, 0)).toBe('dead');
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
