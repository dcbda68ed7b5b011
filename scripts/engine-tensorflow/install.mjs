// The addon of the TF.js package: kept where it is proven already, else made, proven, and only then put in the place
// of what was there.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { say, StepFailed } from '../engine/steps.mjs';
import { chooseLibtensorflow, identityOf, inspectFolder } from './libtensorflow.mjs';
import { compile, download } from './make.mjs';
import { prove } from './prove.mjs';
import { readRecord, writeRecord } from './record.mjs';
import { openStage, swapIn } from './stage.mjs';

/**
 * Resolves with `{ already, libtensorflow, addon, proven }`, and with `{ backend, tensorflow, gpu, notes }` unless the
 * proof is left out and there was none before. An addon without a proof is proven by the next call that leaves it in.
 */
export async function installAddon(options, packageFolder) {
  const known = await readRecord(packageFolder);
  const asked = options.libtensorflow ?? options.python ?? options.prebuilt ?? process.env.TENSORFLOW_DIR;
  // Without a wish, what works is good enough while its library is there.
  const kept = known && !asked ? sameAs(known.library) : undefined;
  const library = kept ?? (await chooseLibtensorflow(options, { tell: say }));
  const identity = identityOf(library);

  const already = !options.again && isDeepStrictEqual(known?.library, identity);
  const proveIt = options['no-proof'] ? () => undefined : prove;
  const proof = already
    ? (lastProof(known) ?? (await proveIt(packageFolder)))
    : await replaceAddon(options, library, packageFolder, proveIt);
  const addon = addonIn(packageFolder);
  await writeRecord(packageFolder, { library: identity, addon, node: process.version, proof });
  const libtensorflow = { kind: library.kind, folder: library.folder };
  return { already, libtensorflow, addon, proven: proof !== undefined, ...proof };
}

/** The libtensorflow that a record names; undefined where it is gone. */
function sameAs({ kind, folder }) {
  try {
    return kind === 'prebuilt' ? { kind } : inspectFolder(folder);
  } catch {
    return undefined;
  }
}

/** Undefined where it was left out, or another Node did it. */
function lastProof({ node, proof }) {
  return node === process.version ? proof : undefined;
}

async function replaceAddon(options, library, packageFolder, proveIt) {
  const stage = await openStage(packageFolder);
  try {
    await (library.kind === 'prebuilt' ? download(stage.folder, options) : compile(stage.folder, library, options));
    if (!addonIn(stage.folder)) {
      throw new StepFailed('compile', 'it ended well, and yet there is no tfjs_binding.node.', 'Try it once more.');
    }
    await proveIt(stage.folder);
    const goBack = await swapIn(stage.folder, packageFolder);
    try {
      return await proveIt(packageFolder);
    } catch (error) {
      await goBack();
      throw error;
    }
  } finally {
    await stage.close();
  }
}

/** The addon file in a package's folder; undefined where there is none. */
function addonIn(folder) {
  const lib = join(folder, 'lib');
  const names = existsSync(lib) ? readdirSync(lib).sort() : [];
  return names.map((name) => join(lib, name, 'tfjs_binding.node')).find((file) => existsSync(file));
}
