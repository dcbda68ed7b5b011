// Makes lib/ and deps/ of the TF.js package in a copy of it next to it, so that the package itself never holds half
// an addon. The copy sits at the same depth: what it requires, and what the addon looks for, are found the same way.
import { cp, mkdir, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';

import { RECORD } from './record.mjs';

/** What the addon consists of, in the package's folder. */
const MADE = ['lib', 'deps'];
/** What goes when it is replaced: what was remembered of it goes first, and comes back last. */
const REPLACED = [RECORD, ...MADE];

/** An empty stage: the package without anything made. Takes away what an interrupted run left. */
export async function openStage(packageFolder) {
  const folder = join(dirname(packageFolder), `.${basename(packageFolder)}-cairn`);
  await rm(folder, { recursive: true, force: true });
  await cp(packageFolder, folder, {
    recursive: true,
    filter: (source) => !/^(lib|deps|build.*|\.cairn.*)$/.test(relative(packageFolder, source)),
  });
  return { folder, close: () => rm(folder, { recursive: true, force: true }) };
}

/** What binding.gyp compiles against: headers, and the libraries under the names that it links. */
export async function linkForCompiling(stageFolder, { include, lib, library, framework }) {
  const links = join(stageFolder, 'deps', 'lib');
  await mkdir(links, { recursive: true });
  await symlink(include, join(stageFolder, 'deps', 'include'));
  const names = { 'libtensorflow.so': library, 'libtensorflow_framework.so': framework };
  for (const [name, file] of Object.entries(names)) await symlink(join(lib, file), join(links, name));
  // So that the linker finds what the first needs of the second.
  if (!(framework in names)) await symlink(join(lib, framework), join(links, framework));
}

/**
 * What the addon loads from: deps/lib as a link to the whole folder. A link to each library would hide where it
 * is: a wheel made for GPUs looks for CUDA in ../nvidia from its own folder.
 */
export async function linkForLoading(stageFolder, { lib }) {
  const links = join(stageFolder, 'deps', 'lib');
  await rm(links, { recursive: true });
  await symlink(lib, links);
}

/** Moves what was made from the stage into the package; resolves with what puts the package back as it was. */
export async function swapIn(stageFolder, packageFolder) {
  const aside = join(stageFolder, '.cairn-replaced');
  await mkdir(aside);
  const undo = [];
  const goBack = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  const move = async (from, to) => {
    await rename(from, to);
    undo.push(() => rename(to, from));
  };
  try {
    for (const name of REPLACED) await move(join(packageFolder, name), join(aside, name)).catch(unlessAbsent);
    for (const name of MADE) await move(join(stageFolder, name), join(packageFolder, name));
  } catch (error) {
    await goBack();
    throw error;
  }
  return goBack;
}

function unlessAbsent(error) {
  if (error.code !== 'ENOENT') throw error;
}
