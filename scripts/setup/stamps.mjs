// Whether installed packages and the build are up to date: a hash of their inputs, stored beside them.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** A stamp in a file at `path`, fresh while `inputs()` returns the value that was written. */
export function stamp(path, inputs) {
  return {
    isFresh: () => String(read(path)) === inputs(),
    /** Call it before the work: interrupted work must not look finished. */
    clear: () => rmSync(path, { force: true }),
    write(value) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, value);
    },
  };
}

/** A digest of everything that determines node_modules. */
export function packageInputs(root) {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const { dependencies, devDependencies, optionalDependencies, overrides } = manifest;
  return digest([
    // Not the whole file: a changed script or description needs no new packages.
    JSON.stringify([dependencies, devDependencies, optionalDependencies, overrides]),
    read(join(root, 'package-lock.json')),
    read(join(root, '.npmrc')),
    // Native addons depend on these.
    [process.versions.node.split('.')[0], process.platform, process.arch].join(' '),
  ]);
}

/** A digest of everything that determines the build: sources, configuration, and the installed compiler. */
export function buildInputs(root) {
  const config = readdirSync(root).filter((name) => /^tsconfig.*\.json$/.test(name));
  // The folders that tsconfig.build.json includes, and the scripts' type declarations, which bench/ and trials/ import.
  const sources = ['src', 'bench', 'examples', 'trials'].flatMap((folder) => filesIn(root, folder, /\.(ts|json)$/));
  const files = [...config, ...sources, ...filesIn(root, 'scripts', /\.d\.mts$/)].sort();
  return digest([packageInputs(root), ...files.flatMap((file) => [file, read(join(root, file))])]);
}

function filesIn(root, folder, pattern) {
  const entries = readdirSync(join(root, folder), { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile() && pattern.test(entry.name));
  return files.map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

function read(path) {
  try {
    return readFileSync(path);
  } catch (error) {
    if (error.code === 'ENOENT') return '';
    throw error;
  }
}

function digest(parts) {
  const hash = createHash('sha256');
  // Each part is preceded by its length, so that no two lists of parts hash the same bytes.
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}\n`).update(part);
  return hash.digest('hex');
}
