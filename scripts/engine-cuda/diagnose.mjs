// What a failed proof means, and its remedy.

const DRIVER = {
  library: /^libcuda\.so/,
  name: () => 'the NVIDIA driver',
  remedy: () => 'Install the NVIDIA driver; in a container, start it with the GPU (docker run --gpus all).',
};
/** Which installation a library belongs to, by the names in NVIDIA's package source for Debian and Ubuntu. */
const PARTS = [
  DRIVER,
  {
    library: /^lib(cudart|cublas|cufft|curand|cusolver|cusparse|nvrtc|nvJitLink)/,
    name: (cuda) => `the CUDA ${cuda} libraries`,
    remedy: (cuda) => `Install the libraries of CUDA ${cuda} (Debian and Ubuntu: the newest cuda-libraries-${cuda}-*).`,
  },
  {
    library: /^libcudnn/,
    name: () => 'cuDNN 9',
    remedy: (cuda) => `Install cuDNN 9 for CUDA ${cuda} (Debian and Ubuntu: libcudnn9-cuda-${cuda}).`,
  },
  {
    library: /^libnv(infer|onnxparser)/,
    name: () => 'TensorRT 10',
    remedy: (cuda) => `Install TensorRT 10 for CUDA ${cuda} (Debian and Ubuntu: libnvinfer10, libnvonnxparsers10).`,
  },
];
const ELSEWHERE =
  "NVIDIA's package source has these for Debian and Ubuntu. LD_LIBRARY_PATH names other folders of libraries.";

const RULES = [
  {
    // 35: the driver is older than the libraries. 100: it shows no device.
    pattern: /CUDA (?:failure|error) (?:35|100)\b|no CUDA-capable device|driver version is insufficient/i,
    step: 'find GPU',
    what: 'the NVIDIA driver shows no GPU, or is too old for these CUDA libraries.',
    remedy:
      'Look at nvidia-smi: CUDA 12 needs driver 525 or newer, CUDA 13 driver 580. CUDA_VISIBLE_DEVICES may hide a GPU.',
  },
  {
    pattern: /CUDA (?:failure|error) 209\b|no kernel image is available/i,
    step: 'run',
    what: 'this ONNX Runtime has no kernels for this GPU.',
    remedy: 'The GPU is older or newer than those that it was built for.',
  },
  {
    pattern: /CUDA (?:failure|error) 2\b|out of memory/i,
    step: 'run',
    what: 'the GPU has no memory left.',
    remedy: 'Stop other programs on it (nvidia-smi lists them), then try again.',
  },
];

/**
 * `{ step, what, remedy }` from the log of a failed proof of `provider`, given whether the machine has a driver, which
 * libraries the provider lacks, and the CUDA version that it was built for, where that is known.
 */
export function diagnose(provider, log, { driver, lacking, cudaVersion }) {
  const named = [...log.matchAll(/\b(lib[\w.+-]+\.so[\d.]*): cannot open shared object file/g)].map(([, name]) => name);
  const libraries = [...new Set([...lacking, ...named])];
  const cuda = cudaVersion ?? cudaVersionOf(libraries) ?? 12;
  const parts = PARTS.filter(({ library }) => libraries.some((name) => library.test(name)));
  const remedies = (list) => list.map(({ remedy }) => remedy(cuda));
  if (!driver) {
    return {
      step: 'find GPU',
      what: 'this machine has no NVIDIA driver (no /dev/nvidiactl), so no GPU that CUDA could use.',
      remedy: remedies([DRIVER, ...parts.filter((part) => part !== DRIVER)]).join('\n'),
    };
  }
  if (libraries.length > 0) {
    const names = parts.map(({ name }) => name(cuda)).join(' and ') || 'a library';
    return {
      step: 'load',
      what: `${names} cannot be found (${libraries.join(', ')}).`,
      remedy: [...remedies(parts), ELSEWHERE].join('\n'),
    };
  }
  const rule = RULES.find(({ pattern }) => pattern.test(log));
  if (rule) return { step: rule.step, what: rule.what, remedy: rule.remedy };
  const what = `ONNX Runtime does not compute with ${provider}: ${log.trim().split('\n').at(-1)}`;
  return { step: 'run', what, remedy: 'Its own output is above.' };
}

/** The CUDA version in the names of libraries; undefined where none carries it. */
export function cudaVersionOf(libraries) {
  const [, major] = libraries.map((name) => /^lib(?:cudart|cublas\w*)\.so\.(\d+)/.exec(name)).find(Boolean) ?? [];
  return major && Number(major);
}
