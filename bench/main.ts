/** `npm run bench [-- SUITE [options]]`: one process per suite, with the variants interleaved; only ratios mean something. */
const USAGE = `npm run bench [-- SUITE [OPTIONS]]

Results go to stdout, progress to stderr. Suites, with their defaults:

  chain    the whole chain against the bare run: --images 20 --rounds 2 --rss-images 100 --size 1024
           --variants float16,jpeg
  int8     sessions in 8-bit integers against float32: --models mask-rcnn-resnet50,mask-rcnn-resnet101 --rounds 12
           --size 1024
  serving  a stored pyramid over HTTP: --rounds 10 --slow-seconds 90 --leaving 200
  grpc     a stored pyramid by gRPC against REST: --rounds 10
  batch    ten thousand lines while a worker and Redis are killed:
           --lines 10000 --size 128 --model mask-rcnn-resnet18 --levels C4,C5
  engines  every engine and device of this machine: --models mask-rcnn-resnet50,mask-rcnn-resnet101 --runs 10
           --size 1024 --targets onnx/cpu,tensorflow/cpu --rss-runs 0 --rss-size 512
  requests short requests per second, interleaved with those of another built checkout:
           --against FOLDER --rounds 5 --seconds 4; or --sync: a Redis that syncs before each reply, against everysec
  scale    images/s with twice the workers and the threads, and where the API, Redis or the store is the limit:
           --parts growth,ceiling --rounds 3 --model mask-rcnn-resnet50 --size 1024 --images 8 --precision float32
           --dtype float16 --codec zstd --jobs 2000 --photos 60 --concurrency 8
  store    the S3 store against the SDK alone, on the bucket of CAIRN_STORE, else on OpenStack Swift or s3rver:
           --rounds 7 --megabytes 4,40 --memory 400
  decoder  decoding in a process of its own against decoding in this one: --size 1024 --images 20 --rounds 5
  fairness what one caller's flood costs another: --rounds 3 --requests 300 --jobs 10000 --connections 32
  peers    the scripts that one would write in Python, against extract and the service (Python 3.11):
           --images 12 --rounds 3 --size 1024

Without a suite it is chain. All take --json.
`;
const SUITES: Readonly<Record<string, () => Promise<unknown>>> = {
  chain: () => import('./chain-main.js'),
  int8: () => import('./int8-main.js'),
  serving: () => import('./serving-main.js'),
  grpc: () => import('./grpc-main.js'),
  batch: () => import('./batch-main.js'),
  engines: () => import('./engines-main.js'),
  requests: () => import('./requests-main.js'),
  scale: () => import('./scale-main.js'),
  store: () => import('./store-main.js'),
  decoder: () => import('./decoder-main.js'),
  fairness: () => import('./fairness-main.js'),
  peers: () => import('./peers-main.js'),
  // Parts of suites, in processes of their own.
  'chain-memory': () => import('./chain-memory.js'),
  'engine-memory': () => import('./engine-memory.js'),
  'peers-extract': () => import('./peers/extract-process.js'),
};

const first = process.argv[2] ?? 'chain';
const suite = first.startsWith('-') ? 'chain' : first;
if (process.argv.includes('--help')) process.stdout.write(USAGE);
else if (Object.hasOwn(SUITES, suite)) await SUITES[suite]!();
else throw new Error(`There is no suite "${suite}"; the suites are ${Object.keys(SUITES).join(', ')}.`);

export {};
