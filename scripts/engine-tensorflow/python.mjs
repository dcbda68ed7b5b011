// Where a Python keeps its TensorFlow. Asking does not import it, which would take seconds.
import { runProgram } from '../engine/steps.mjs';

const ASK = `
import importlib.util, json
spec = importlib.util.find_spec("tensorflow")
print(json.dumps(list(spec.submodule_search_locations or []) if spec else []))
`;

/** `{ folder }` of the package `tensorflow` that `python` would import, or `{ why }` there is none. */
export async function findInPython(python) {
  const { ok, how, stdout } = await runProgram(python, ['-c', ASK], { killAfterMs: 30_000 });
  if (!ok) return { why: `${python} ${how}` };
  const [folder] = JSON.parse(stdout.trim().split('\n').at(-1));
  return folder === undefined ? { why: `${python} has no TensorFlow` } : { folder };
}
