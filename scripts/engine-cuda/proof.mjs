// The child process that proves an execution provider of ONNX Runtime by a convolution, without help from the CPU. ONNX
// Runtime writes the cause of a failure to stderr; its exceptions do not contain it.
//
//     node proof.mjs PACKAGE_FOLDER PROVIDER
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [folder, provider] = process.argv.slice(2);
const ort = createRequire(join(folder, 'package.json'))(folder);

/** `y = Conv(x, w)` with x float [1, 1, 3, 3] and w = [[1, 2], [3, 4]], as an ONNX model. */
const MODEL = Buffer.from(
  'CAg6dwoVCgF4CgF3EgF5GgRjb252IgRDb252EgVwcm9vZiodCgQBAQICEAEiEAAAgD8AAABAAABAQAAAgEBCAXdaGwoBeBIWChQIARIQCgIIAQoC' +
    'CAEKAggDCgIIA2IbCgF5EhYKFAgBEhAKAggBCgIIAQoCCAIKAggCQgIQEQ==',
  'base64',
);
const INPUT = [1, 2, 3, 4, 5, 6, 7, 8, 9];
const OUTPUT = [37, 47, 67, 77];

try {
  const session = await ort.InferenceSession.create(MODEL, {
    executionProviders: [provider],
    // Otherwise the CPU would silently run what the provider cannot.
    extra: { session: { disable_cpu_ep_fallback: '1' } },
  });
  const { y } = await session.run({ x: new ort.Tensor('float32', INPUT, [1, 1, 3, 3]) });
  const got = [...y.data];
  if (JSON.stringify(got) !== JSON.stringify(OUTPUT)) throw new Error(`Conv gave ${got} instead of ${OUTPUT}`);
  process.stdout.write('{"computed":true}\n');
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
