// Which libtensorflow the addon is built against, and whether a folder is one.
import { readdirSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

import { StepFailed } from '../engine/steps.mjs';
import { findInPython } from './python.mjs';

const STEP = 'find tensorflow';

/** What the addon's sources include. */
const HEADERS = ['tensorflow/c/c_api.h', 'tensorflow/c/eager/c_api.h', 'tensorflow/core/platform/ctstring_internal.h'];

/** Where the libraries are below the folder, and what they are called: a Python wheel's way, and the C library's. */
const LAYOUTS = [
  { kind: 'wheel', lib: '.', library: /^libtensorflow_cc\.so\.\d+$/, framework: /^libtensorflow_framework\.so\.\d+$/ },
  {
    kind: 'distribution',
    lib: 'lib',
    library: /^libtensorflow\.so(\.\d+)*$/,
    framework: /^libtensorflow_framework\.so(\.\d+)*$/,
  },
];

const WHAT_IS_ONE =
  'Name the `tensorflow` folder of a Python installation (it has include/ and libtensorflow_cc.so.2), or a ' +
  'libtensorflow distribution (include/ and lib/libtensorflow.so).';

/**
 * The files of the libtensorflow in `folder`: `{ kind, folder, include, lib, library, framework }`, the last two
 * being file names in `lib`. Throws where it lacks one that the addon needs.
 */
export function inspectFolder(folder) {
  const at = resolve(folder);
  if (!statSync(at, { throwIfNoEntry: false })?.isDirectory()) {
    throw new StepFailed(STEP, `${at} is not a folder.`, WHAT_IS_ONE);
  }
  const found = LAYOUTS.map(({ kind, lib, library, framework }) => ({
    kind,
    folder: at,
    include: join(at, 'include'),
    lib: join(at, lib),
    library: shortestName(join(at, lib), library),
    framework: shortestName(join(at, lib), framework),
  }));
  const whole = found.find(({ library, framework }) => library && framework);
  if (!whole) throw new StepFailed(STEP, `${at} holds no libtensorflow${hint(at, found)}.`, WHAT_IS_ONE);
  const missing = HEADERS.filter((header) => !isFile(join(whole.include, header)));
  if (missing.length > 0) {
    throw new StepFailed(STEP, `${at} lacks include/${missing.join(', include/')}.`, WHAT_IS_ONE);
  }
  return whole;
}

function hint(at, [wheel]) {
  if (isFile(join(at, 'tensorflow', 'libtensorflow_framework.so.2'))) return '; its folder tensorflow/ may';
  if (wheel.framework) return ' (libtensorflow_cc.so.2 is missing: this TensorFlow is too old to have it)';
  return '';
}

/**
 * What to build against, by rank: `libtensorflow` or `prebuilt` as asked for, the folder in TENSORFLOW_DIR, the
 * TensorFlow that `python` can import, else the publisher's binary (`{ kind: 'prebuilt' }`). What was asked for by
 * name is taken or refused; what was merely found is passed over, with a word to `tell`, where it does not fit.
 */
export async function chooseLibtensorflow(
  { libtensorflow, prebuilt = false, python },
  { env = process.env, platform = process.platform, find = findInPython, tell = () => {} } = {},
) {
  if (prebuilt) return { kind: 'prebuilt' };
  const named = libtensorflow ?? (python ? undefined : env.TENSORFLOW_DIR);
  if ((named || python) && platform !== 'linux') {
    throw new StepFailed(
      STEP,
      `the addon can be built against a libtensorflow of your own on Linux only; this is ${platform}.`,
      "Take the publisher's binary: npm run engine:tensorflow -- --prebuilt",
    );
  }
  if (named) return inspectFolder(named);
  if (platform !== 'linux') return { kind: 'prebuilt' };

  const interpreter = python ?? env.PYTHON ?? 'python3';
  const { folder, why } = await find(interpreter);
  if (folder === undefined) {
    if (python !== undefined) {
      throw new StepFailed(STEP, `${why}.`, `Install it there (${python} -m pip install tensorflow), or name another.`);
    }
    tell(`${why}; taking the publisher's binary`);
    return { kind: 'prebuilt' };
  }
  try {
    return inspectFolder(folder);
  } catch (error) {
    if (python !== undefined || !(error instanceof StepFailed)) throw error;
    tell(`the TensorFlow of ${interpreter} cannot be used, so the publisher's binary is taken. ${error.message}`);
    return { kind: 'prebuilt' };
  }
}

/** What tells one libtensorflow from another, and from a newer one in the same place. */
export function identityOf({ kind, folder, lib, library }) {
  if (kind === 'prebuilt') return { kind };
  const file = statSync(join(lib, library), { throwIfNoEntry: false });
  return { kind, folder, library, size: file?.size, modified: file?.mtimeMs };
}

export function describe({ kind, folder }) {
  return kind === 'prebuilt' ? "the publisher's prebuilt libtensorflow" : `the libtensorflow in ${folder}`;
}

function isFile(path) {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** libtensorflow.so before libtensorflow.so.2.9.1: the links are the names that a linker looks for. */
function shortestName(folder, pattern) {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return undefined;
  const names = readdirSync(folder).filter((name) => pattern.test(name) && isFile(join(folder, name)));
  return names.map((name) => basename(name)).sort((a, b) => a.length - b.length)[0];
}
