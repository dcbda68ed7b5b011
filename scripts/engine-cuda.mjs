// Installs the libraries that ONNX Runtime needs for NVIDIA GPUs (too large for the package itself) where onnxruntime-node
// looks for them, and proves them by a convolution on the GPU. Installing the packages leaves this out: the engine on the
// CPU does not need it.
import { runEngineCommand } from './engine/command.mjs';
import { setUpProviders } from './engine-cuda/set-up.mjs';

const USAGE = `npm run engine:cuda [-- OPTIONS]

  --from DIR  take the libraries from this folder instead of downloading them; they must be of the same version
  --again     download them even if they are there
  --no-proof  do not run them on the GPU: for machines without one, such as where an image is built
  --json      print the result as one line of JSON

The download is built for the publisher's default CUDA: 13 since ONNX Runtime 1.27. For another one unpack a release file
of ONNX Runtime (onnxruntime-linux-x64-gpu_cuda12-VERSION.tgz), and name its lib/ folder.
`;

function inWords({ already, folder, version, cudaVersion, proven, tensorrt }) {
  const where = `The libraries are in ${folder}.`;
  if (!proven) {
    const cuda = cudaVersion ? `CUDA ${cudaVersion}` : 'CUDA';
    return [
      `${already ? 'Already installed' : 'Installed'}: ONNX Runtime ${version}'s libraries for ${cuda} and TensorRT.`,
      'They were not run (--no-proof). On a machine with a GPU: npm run engine:cuda',
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
  name: 'onnxruntime-node',
  options: { from: { type: 'string' } },
  alternatives: ['from', 'again'],
  work: setUpProviders,
  inWords,
});
