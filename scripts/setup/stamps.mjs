// Whether installed packages and the build are up to date: a hash of what they were made from, kept beside them.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const BEGUN = 'begun';

/** A stamp in a file at `path`, fresh while `inputs()` gives the value that was written. */
export function stamp(path, inputs) {
  const content = () => {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    }
  };
  const write = (value) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, value);
  };
  return {
    isFresh: () => content() === inputs(),
    /** Before the work: what is ended half-way must not look finished. */
    begin: () => write(BEGUN),
    wasBegun: () => content() === BEGUN,
    write,
  };
}

/** What the packages in node_modules follow from. */
export function packageInputs(root) {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const { dependencies, devDependencies, optionalDependencies, overrides } = manifest;
  return digest([
    // Not the whole file: a changed script or description needs no new packages.
    JSON.stringify([dependencies, devDependencies, optionalDependencies, overrides]),
    read(join(root, 'package-lock.json')),
    read(join(root, '.npmrc')),
    // Native addons differ by these.
    [process.versions.node.split('.')[0], process.platform, process.arch].join(' '),
  ]);
}

/** What the build follows from: its sources, its configuration, and the compiler that was installed. */
export function buildInputs(root) {
  const config = readdirSync(root).filter((name) => /^(tsconfig.*|nest-cli)\.json$/.test(name));
  const files = [...config, ...filesUnder(root, 'src'), ...filesUnder(root, 'bench')].sort();
  return digest([packageInputs(root), ...files.flatMap((file) => [file, read(join(root, file))])]);
}

function filesUnder(root, folder) {
  if (!statSync(join(root, folder), { throwIfNoEntry: false })) return [];
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return filesUnder(root, path);
    return entry.isFile() ? [path] : [];
  });
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
  // Each part's length first, so that no two lists of parts run together to the same bytes.
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}\n`).update(part);
  return hash.digest('hex');
}
