// Makes @tensorflow/tfjs-node-gpu loadable: its addon is compiled against a libtensorflow that is on this machine, or
// comes from its publisher, and is proven by a convolution before it takes the place of what was there. Installing
// the packages leaves this out: the engine on the CPU does not need it.
import { findPackage, runEngineCommand } from './engine/command.mjs';
import { installAddon } from './engine-tensorflow/install.mjs';
import { describe } from './engine-tensorflow/libtensorflow.mjs';

const USAGE = `npm run engine:tensorflow [-- OPTIONS]

  --libtensorflow DIR  the \`tensorflow\` folder of a Python installation, or a libtensorflow distribution
                       (also: the environment variable TENSORFLOW_DIR)
  --python PYTHON      the TensorFlow that this Python has; python3 is looked at without being asked
  --prebuilt           the publisher's own, downloaded: TensorFlow 2.9, CUDA 11.2
  --nodedir DIR        the folder that has Node's include/node/node_api.h
  --again              also when it works already
  --no-proof           load and compute nothing: for where an image is built, which runs on another machine
  --json               the result as one line of JSON
`;

function inWords({ already, libtensorflow, addon, proven, tensorflow, backend, gpu, notes }) {
  if (!proven) {
    return [
      `${already ? 'There already' : 'Made'}: the addon of TF.js (${addon}), with ${describe(libtensorflow)}.`,
      'Nothing was proven (--no-proof). On the machine that it is for: npm run engine:tensorflow',
    ];
  }
  const works = already ? 'Works already' : 'Works';
  return [
    `${works}: TensorFlow ${tensorflow} through TF.js (backend ${backend}), with ${describe(libtensorflow)}.`,
    gpu ? 'It sees a GPU.' : 'It sees no GPU, and runs on the CPU.',
    ...notes.map((note) => `  ${note}`),
    ...(already ? ['To make and prove it once more: npm run engine:tensorflow -- --again'] : []),
  ];
}

await runEngineCommand({
  usage: USAGE,
  options: {
    libtensorflow: { type: 'string' },
    python: { type: 'string' },
    prebuilt: { type: 'boolean' },
    nodedir: { type: 'string' },
    again: { type: 'boolean' },
  },
  alternatives: ['libtensorflow', 'python', 'prebuilt'],
  work: async (options) => installAddon(options, await findPackage('@tensorflow/tfjs-node-gpu')),
  inWords,
});
