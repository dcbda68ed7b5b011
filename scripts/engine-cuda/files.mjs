// Which files ONNX Runtime's GPU providers are, and where onnxruntime-node looks for them.
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, normalize } from 'node:path';

import { StepFailed } from '../engine/steps.mjs';

/** What a shared library of Linux begins with. */
const ELF = Buffer.from('\x7fELF', 'latin1');

/**
 * `{ packageFolder, folder, names, version }`: the provider files `names` belong into `folder`, beside the binding
 * that this Node loads. Throws where the publisher has none for this system.
 */
export function providerFiles(packageFolder, { platform = process.platform, arch = process.arch } = {}) {
  const { version } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8'));
  const bin = join(packageFolder, 'bin');
  const folder = existsSync(bin)
    ? readdirSync(bin)
        .map((name) => join(bin, name, platform, arch))
        .find((path) => existsSync(join(path, 'onnxruntime_binding.node')))
    : undefined;
  const names = namesFor(packageFolder, `${platform}/${arch}`);
  if (folder && names.length > 0) return { packageFolder, folder, names, version };
  throw new StepFailed(
    'find files',
    `onnxruntime-node ${version} has no CUDA libraries for ${platform}/${arch}.`,
    "They exist for Linux on x64. On other systems ONNX Runtime's device `webgpu` uses the GPU.",
  );
}

/** By the package's own account of what its install script fetches. */
function namesFor(packageFolder, system) {
  const require = createRequire(join(packageFolder, 'package.json'));
  const { requirements, manifests } = require('./script/install-metadata.js');
  const files = (requirements[system] ?? []).flatMap((name) => Object.keys(manifests[`${system}:${name}`] ?? {}));
  return files.map((file) => normalize(file));
}

/** Those of `names` that are not whole libraries in `folder`. */
export function missingFiles({ names }, folder) {
  return names.filter((name) => !isLibrary(join(folder, name)));
}

function isLibrary(path) {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return false;
  const start = Buffer.alloc(ELF.length);
  const file = openSync(path, 'r');
  try {
    readSync(file, start);
  } finally {
    closeSync(file);
  }
  return start.equals(ELF);
}
