// Which libtensorflow the addon is built against, and whether a folder is one.
import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { runProgram } from '../process/program.mjs';
import { lastJson, StepFailed } from '../engine/steps.mjs';

const STEP = 'find tensorflow';

/** What the addon's sources include. */
const HEADERS = ['tensorflow/c/c_api.h', 'tensorflow/c/eager/c_api.h', 'tensorflow/core/platform/ctstring_internal.h'];

/** Folder and names of the libraries: in a Python wheel, and in a distribution of the C library. */
const LAYOUTS = [
  { kind: 'wheel', lib: '.', library: /^libtensorflow_cc\.so\.\d+$/, framework: /^libtensorflow_framework\.so\.\d+$/ },
  {
    kind: 'distribution',
    lib: 'lib',
    library: /^libtensorflow\.so(\.\d+)*$/,
    framework: /^libtensorflow_framework\.so(\.\d+)*$/,
  },
];
const REMEDY =
  'Name the `tensorflow` folder of a Python installation (it has include/ and libtensorflow_cc.so.2), or a ' +
  'libtensorflow distribution (include/ and lib/libtensorflow.so).';

/** Finds the package without importing it, which would take seconds. */
const ASK_PYTHON = `
import importlib.util, json
spec = importlib.util.find_spec("tensorflow")
print(json.dumps({"folder": list(spec.submodule_search_locations or [None])[0] if spec else None}))
`;

/**
 * The files of the libtensorflow in `folder`: `{ kind, folder, include, lib, library, framework }`, where the last two
 * are names of files in `lib`. Throws where one is missing that the addon needs.
 */
export function inspectFolder(folder) {
  const at = resolve(folder);
  const stop = (what) => {
    throw new StepFailed(STEP, `${at} ${what}.`, REMEDY);
  };
  if (!statSync(at, { throwIfNoEntry: false })?.isDirectory()) stop('is not a folder');
  const found = LAYOUTS.map(({ kind, lib, library, framework }) => ({
    kind,
    folder: at,
    include: join(at, 'include'),
    lib: join(at, lib),
    library: shortestName(join(at, lib), library),
    framework: shortestName(join(at, lib), framework),
  }));
  const whole = found.find(({ library, framework }) => library && framework);
  if (!whole && isFile(join(at, 'tensorflow/libtensorflow_framework.so.2'))) {
    stop('holds no libtensorflow; its folder tensorflow/ may');
  }
  if (!whole && found[0].framework) {
    stop('holds no libtensorflow (libtensorflow_cc.so.2 is missing: this TensorFlow is too old to have it)');
  }
  if (!whole) stop('holds no libtensorflow');
  const missing = HEADERS.filter((header) => !isFile(join(whole.include, header)));
  if (missing.length > 0) stop(`lacks include/${missing.join(', include/')}`);
  return whole;
}

/** In this order: the folder `libtensorflow`, the TensorFlow of `python`, TENSORFLOW_DIR, the TensorFlow of python3. */
export async function chooseLibrary(
  { libtensorflow, python },
  { env = process.env, platform = process.platform, find = findInPython } = {},
) {
  if (platform !== 'linux') {
    const instead = 'Elsewhere the devices `onnx` · `cpu`, `onnx` · `webgpu` and `tensorflow` · `wasm` work.';
    throw new StepFailed(STEP, `the addon can be built on Linux only; this is ${platform}.`, instead);
  }
  const named = libtensorflow ?? (python ? undefined : env.TENSORFLOW_DIR);
  if (named) return inspectFolder(named);
  const interpreter = python ?? env.PYTHON ?? 'python3';
  const { folder, why } = await find(interpreter);
  if (folder) return inspectFolder(folder);
  throw new StepFailed(
    STEP,
    `${why}.`,
    `Install it there (${interpreter} -m pip install tensorflow), or name another one: --python PYTHON or --libtensorflow DIR.`,
  );
}

/** `{ folder }` of the package `tensorflow` that `python` would import, or `{ why }` there is none. */
async function findInPython(python) {
  const { ok, how, stdout } = await runProgram(python, ['-c', ASK_PYTHON], { killAfterMs: 30_000 });
  if (!ok) return { why: `${python} ${how}` };
  const { folder } = lastJson(stdout);
  return folder ? { folder } : { why: `${python} has no TensorFlow` };
}

/** Tells one libtensorflow from another one, and from a newer one in the same place. */
export function identityOf({ kind, folder, lib, library }) {
  const { size, mtimeMs } = statSync(join(lib, library));
  return { kind, folder, library, size, modified: mtimeMs };
}

function isFile(path) {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** libtensorflow.so rather than libtensorflow.so.2.9.1: linkers look for the short names. */
function shortestName(folder, pattern) {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return undefined;
  const names = readdirSync(folder).filter((name) => pattern.test(name) && isFile(join(folder, name)));
  return names.sort((a, b) => a.length - b.length)[0];
}
