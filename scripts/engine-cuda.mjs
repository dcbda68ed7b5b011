// Fetches the libraries that ONNX Runtime needs for NVIDIA GPUs (too large for the package itself), puts them where
// onnxruntime-node looks, and proves them by a convolution on the GPU. Installing the packages leaves this out: the
// engine on the CPU does not need it.
import { providerFiles } from './engine-cuda/files.mjs';
import { installProviders } from './engine-cuda/install.mjs';
import { prove, tryTensorRt } from './engine-cuda/prove.mjs';
import { findPackage, runEngineCommand } from './engine-tensorflow/command.mjs';

const USAGE = `npm run engine:cuda [-- OPTIONS]

  --from DIR  take the libraries from this folder instead of downloading them; they must be of the same version
  --again     fetch them also when they are there
  --json      the result as one line of JSON
`;

async function work(options) {
  const files = providerFiles(await findPackage('onnxruntime-node'));
  const already = await installProviders(files, options);
  await prove(files);
  return { already, folder: files.folder, version: files.version, cuda: true, tensorrt: await tryTensorRt(files) };
}

function inWords({ already, folder, version, tensorrt }) {
  return [
    `${already ? 'Works already' : 'Works'}: ONNX Runtime ${version} computes on the GPU with CUDA.`,
    tensorrt.works ? 'TensorRT works too.' : `TensorRT does not: ${tensorrt.why}`,
    `The libraries are in ${folder}.`,
  ];
}

await runEngineCommand({
  usage: USAGE,
  options: { from: { type: 'string' }, again: { type: 'boolean' } },
  alternatives: ['from', 'again'],
  work,
  inWords,
});
