// Fetches the libraries that ONNX Runtime needs for NVIDIA GPUs (too large for the package itself), puts them where
// onnxruntime-node looks, and proves them by a convolution on the GPU. Installing the packages leaves this out: the
// engine on the CPU does not need it.
import { setUpProviders } from './engine-cuda/set-up.mjs';
import { findPackage, runEngineCommand } from './engine/command.mjs';

const USAGE = `npm run engine:cuda [-- OPTIONS]

  --from DIR  take the libraries from this folder instead of downloading them; they must be of the same version
  --again     fetch them also when they are there
  --no-proof  leave out the run on the GPU: for machines without one, as where an image is built
  --json      the result as one line of JSON

What is downloaded is made for the CUDA that the publisher takes by default: 13 since ONNX Runtime 1.27. For another
one unpack a release file of ONNX Runtime (onnxruntime-linux-x64-gpu_cuda12-VERSION.tgz), and name its lib/ folder.
`;

function inWords({ already, folder, version, cudaVersion, proven, tensorrt }) {
  const where = `The libraries are in ${folder}.`;
  if (!proven) {
    return [
      `${already ? 'There already' : 'Installed'}: ONNX Runtime ${version}'s libraries for ` +
        `${cudaVersion ? `CUDA ${cudaVersion}` : 'CUDA'} and TensorRT.`,
      'Nothing was proven (--no-proof). On a machine with a GPU: npm run engine:cuda',
      where,
    ];
  }
  return [
    `${already ? 'Works already' : 'Works'}: ONNX Runtime ${version} computes on the GPU with CUDA.`,
    tensorrt.works ? 'TensorRT works too.' : `TensorRT does not: ${tensorrt.why}`,
    where,
  ];
}

await runEngineCommand({
  usage: USAGE,
  options: { from: { type: 'string' }, again: { type: 'boolean' } },
  alternatives: ['from', 'again'],
  work: async (options) => setUpProviders(await findPackage('onnxruntime-node'), options),
  inWords,
});
