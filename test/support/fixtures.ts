import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Path of a file in test/fixtures, such as `images/tiny.png`. */
export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
}

export function imageBytes(name: string): Buffer {
  return readFileSync(fixturePath(`images/${name}`));
}

/** The numbers of test/golden/`name`, which other frameworks made. */
export function readGolden(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../golden/${name}`, import.meta.url), 'utf8'));
}

/** A file of the build, for threads and child processes that run it without jest. */
export function builtFile(name: string): URL {
  return new URL(`../../dist/src/${name}`, import.meta.url);
}
