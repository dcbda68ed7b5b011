import { afterEach, beforeEach, expect } from '@jest/globals';
import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** The files that a process (this one) holds open below `folder`; none on systems that do not report them. */
export function openFilesBelow(folder: string, pid: number | 'self' = 'self'): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/${pid}/fd/${fd}`);
      return path.startsWith(folder) ? [path] : [];
    } catch {
      // The descriptor by which the folder itself was listed is gone by now.
      return [];
    }
  });
}

/** Fails every test of the file that leaves a descriptor open which was not open before it. */
export function expectNoOpenFiles(): void {
  let before = 0;
  beforeEach(() => {
    before = openFilesBelow('/').length;
  });
  afterEach(async () => {
    // Streams close their files a moment after their last byte.
    for (let tries = 0; tries < 20 && openFilesBelow('/').length > before; tries++) await sleep(10);
    expect(openFilesBelow('/').length).toBeLessThanOrEqual(before);
  });
}
