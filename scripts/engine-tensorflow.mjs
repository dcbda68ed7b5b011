// Compiles the addon of @tensorflow/tfjs-node-gpu against a TensorFlow on this machine, and proves it by a convolution.
// Installing the packages leaves this out: the default engine does not need it.
import { runEngineCommand } from './engine/command.mjs';
import { setUpAddon } from './engine-tensorflow/set-up.mjs';

const USAGE = `npm run engine:tensorflow [-- OPTIONS]

  --libtensorflow DIR  the \`tensorflow\` folder of a Python installation, or a libtensorflow distribution
                       (also: the environment variable TENSORFLOW_DIR)
  --python PYTHON      the TensorFlow of this Python; the default is python3
  --nodedir DIR        the folder that contains include/node/node_api.h of this Node
  --again              rebuild even if it works already
  --no-proof           do not run it: for building an image, which runs on another machine
  --json               print the result as one line of JSON

Needs Linux, a C++ compiler, make and Python. Run it again after the packages were installed anew.
`;

function inWords({ already, libtensorflow, addon, proven, tensorflow, backend, gpu, notes }) {
  const source = `the libtensorflow in ${libtensorflow.folder}`;
  if (!proven) {
    return [
      `${already ? 'Already built' : 'Built'}: the addon of TF.js (${addon}), with ${source}.`,
      'It was not run (--no-proof). To prove it on its machine: npm run engine:tensorflow',
    ];
  }
  return [
    `${already ? 'Works already' : 'Works'}: TensorFlow ${tensorflow} through TF.js (backend ${backend}), with ${source}.`,
    gpu ? 'It uses a GPU.' : 'It finds no GPU, and runs on the CPU.',
    ...notes.map((note) => `  ${note}`),
    ...(already ? ['To rebuild it: npm run engine:tensorflow -- --again'] : []),
  ];
}

await runEngineCommand({
  usage: USAGE,
  name: '@tensorflow/tfjs-node-gpu',
  options: { libtensorflow: { type: 'string' }, python: { type: 'string' }, nodedir: { type: 'string' } },
  alternatives: ['libtensorflow', 'python'],
  work: setUpAddon,
  inWords,
});
