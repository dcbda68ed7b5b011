// What a failed proof means, and what to do about it.

const DRIVER = {
  library: /^libcuda\.so/,
  name: () => 'the NVIDIA driver',
  todo: () => 'Install the NVIDIA driver; in a container, start it with the GPU (docker run --gpus all).',
};

/** Which installation a library belongs to; the names are those of NVIDIA's package source for Debian and Ubuntu. */
const PARTS = [
  DRIVER,
  {
    library: /^lib(cudart|cublas|cufft|curand|cusolver|cusparse|nvrtc|nvJitLink)/,
    name: (cuda) => `the CUDA ${cuda} libraries`,
    todo: (cuda) => `Install the libraries of CUDA ${cuda} (Debian and Ubuntu: the newest cuda-libraries-${cuda}-*).`,
  },
  {
    library: /^libcudnn/,
    name: () => 'cuDNN 9',
    todo: (cuda) => `Install cuDNN 9 for CUDA ${cuda} (Debian and Ubuntu: libcudnn9-cuda-${cuda}).`,
  },
  {
    library: /^libnv(infer|onnxparser)/,
    name: () => 'TensorRT 10',
    todo: (cuda) => `Install TensorRT 10 for CUDA ${cuda} (Debian and Ubuntu: libnvinfer10, libnvonnxparsers10).`,
  },
];
const ELSEWHERE =
  "Debian and Ubuntu get these from NVIDIA's package source. Libraries elsewhere are found through LD_LIBRARY_PATH.";

const RULES = [
  {
    // 35: a driver older than the libraries. 100: it shows no device.
    pattern: /CUDA (?:failure|error) (?:35|100)\b|no CUDA-capable device|driver version is insufficient/i,
    step: 'find GPU',
    what: 'the NVIDIA driver shows no GPU, or is too old for these CUDA libraries.',
    todo:
      'Look at nvidia-smi: CUDA 12 needs a driver of version 525 or newer, CUDA 13 one of version 580. ' +
      'CUDA_VISIBLE_DEVICES may hide a GPU.',
  },
  {
    pattern: /CUDA (?:failure|error) 209\b|no kernel image is available/i,
    step: 'run',
    what: 'this ONNX Runtime has no kernels for this GPU.',
    todo: 'The GPU is older or newer than those that it was built for.',
  },
  {
    pattern: /CUDA (?:failure|error) 2\b|out of memory/i,
    step: 'run',
    what: 'the GPU has no memory left.',
    todo: 'End what else runs on it (nvidia-smi lists it), then try again.',
  },
];

/**
 * `{ step, what, todo }` from what the proof of `provider` wrote, whether the machine has a driver, which libraries
 * the provider's file is lacking, and the version of CUDA that it is made for, where that is known.
 */
export function diagnose(provider, log, { driver, lacking, cudaVersion }) {
  const named = [...log.matchAll(/\b(lib[\w.+-]+\.so[\d.]*): cannot open shared object file/g)].map(([, name]) => name);
  const libraries = [...new Set([...lacking, ...named])];
  const cuda = cudaVersion ?? cudaVersionOf(libraries) ?? 12;
  const parts = PARTS.filter(({ library }) => libraries.some((name) => library.test(name)));
  const todos = (list) => list.map(({ todo }) => todo(cuda));
  if (!driver) {
    return {
      step: 'find GPU',
      what: 'this machine has no NVIDIA driver (no /dev/nvidiactl), so no GPU that CUDA could use.',
      todo: todos([DRIVER, ...parts.filter((part) => part !== DRIVER)]).join('\n'),
    };
  }
  if (libraries.length > 0) {
    const names = parts.map(({ name }) => name(cuda)).join(' and ') || 'a library';
    return {
      step: 'load',
      what: `${names} cannot be found (${libraries.join(', ')}).`,
      todo: [...todos(parts), ELSEWHERE].join('\n'),
    };
  }
  const { step, what, todo } = RULES.find(({ pattern }) => pattern.test(log)) ?? {
    step: 'run',
    what: `ONNX Runtime does not compute with ${provider}: ${log.trim().split('\n').at(-1)}`,
    todo: 'Its own words are above.',
  };
  return { step, what, todo };
}

/** The CUDA version that libraries belong to: those two carry it in their names. */
export function cudaVersionOf(libraries) {
  for (const name of libraries) {
    const [, major] = /^lib(?:cudart|cublas\w*)\.so\.(\d+)/.exec(name) ?? [];
    if (major) return Number(major);
  }
  return undefined;
}
