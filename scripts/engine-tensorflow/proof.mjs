// The child process that proves the addon: loads the package, runs a convolution and a matrix product, and prints the
// result as one line of JSON. TensorFlow logs to stderr.
//
//     node proof.mjs PACKAGE_FOLDER
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [folder] = process.argv.slice(2);
const require = createRequire(join(folder, 'package.json'));

function report(result) {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

/** Node 23 removed these from `util`; the package still calls them. */
function restoreUtil() {
  const util = require('node:util');
  util.isNullOrUndefined ??= (value) => value === null || value === undefined;
  util.isArray ??= Array.isArray;
}

function load() {
  restoreUtil();
  const tf = require(folder);
  const { binding, isUsingGpuDevice } = tf.backend();
  return { tf, found: { backend: tf.getBackend(), tensorflow: binding.TF_Version, gpu: isUsingGpuDevice } };
}

/** Small integers, which every device computes exactly. */
function compute(tf) {
  tf.tidy(() => {
    const image = tf.tensor([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1]);
    const kernel = tf.tensor([1, 2, 3, 4], [2, 2, 1, 1]);
    expect('conv2d', tf.conv2d(image, kernel, 1, 'valid'), [37, 47, 67, 77]);
    const [a, b] = [tf.tensor2d([1, 2, 3, 4], [2, 2]), tf.tensor2d([5, 6, 7, 8], [2, 2])];
    expect('matMul', tf.matMul(a, b), [19, 22, 43, 50]);
  });
}

function expect(name, tensor, wanted) {
  const got = [...tensor.dataSync()];
  if (JSON.stringify(got) === JSON.stringify(wanted)) return;
  throw new Error(`${name} gave ${got.join(', ')} instead of ${wanted.join(', ')}`);
}

let found = {};
try {
  const loaded = load();
  found = loaded.found;
  report(found); // in case the process does not survive the next line
  compute(loaded.tf);
  report({ ...found, computed: true });
} catch (error) {
  report({ ...found, message: error.message });
  process.exitCode = 1;
}
