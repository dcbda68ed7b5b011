import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Contestant } from './contestant.js';
import { startLineProcess, type Program } from './line-process.js';
import { startCairn, startFastApi } from './served.js';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
export const SCRIPTS = fileURLToPath(new URL('../../../bench/peers', import.meta.url));
/** The entry of Cairn's catalogue that is torchvision's network. */
export const MODEL = 'torchvision-resnet50';

export interface Setting {
  /** With `resnet50.onnx`, and the weights and their calibration under the name of `MODEL`. */
  readonly weightsDir: string;
  readonly size: number;
  /** A script of bench/peers with its arguments. */
  readonly python: (script: string, ...args: string[]) => Program;
}

/** How Cairn is asked: the fields of a feature spec that differ, by what the table calls them. */
const CAIRN = {
  'float32, float16, zstd': {},
  'int8, uint8, zstd': { precision: 'int8', dtype: 'uint8' },
  'int8, uint8, jpeg': { precision: 'int8', dtype: 'uint8', codec: 'jpeg' },
} as const;
const SERVED: readonly (keyof typeof CAIRN)[] = ['float32, float16, zstd', 'int8, uint8, jpeg'];

export function contestants({ weightsDir, size, python }: Setting): Contestant[] {
  const side = String(size);
  const weights = join(weightsDir, `${MODEL}.safetensors`);
  const script = (name: string, precision: Contestant['precision'], program: Program): Contestant => {
    return { name, side: 'peer', kind: 'script', precision, start: (folder) => startLineProcess(program, folder) };
  };
  const pytorch = (mode: string) => python('pytorch_peer.py', weights, side, mode);
  const served = python('fastapi_peer.py', weights, side, 'compiled');
  const env = { CAIRN_WEIGHTS_DIR: weightsDir };
  const cairn = (option: keyof typeof CAIRN) => {
    const spec: Record<string, string> = { model: MODEL, size: side, ...CAIRN[option] };
    return { spec, side: 'Cairn' as const, precision: 'precision' in CAIRN[option] ? 'int8' : 'float32' } as const;
  };
  return [
    script('ONNX Runtime', 'float32', python('onnxruntime_peer.py', join(weightsDir, 'resnet50.onnx'), side)),
    script('PyTorch eager', 'float32', pytorch('eager')),
    script('PyTorch compiled', 'float32', pytorch('compiled')),
    script('PyTorch compiled, bfloat16', 'bfloat16', pytorch('bfloat16')),
    ...(Object.keys(CAIRN) as (keyof typeof CAIRN)[]).map((option): Contestant => {
      const { spec, ...rest } = cairn(option);
      const program = { command: process.execPath, args: [MAIN, 'peers-extract', JSON.stringify(spec)], env };
      return {
        name: `cairn extract: ${option}`,
        kind: 'script',
        ...rest,
        start: (folder) => startLineProcess(program, folder),
      };
    }),
    {
      name: 'FastAPI, PyTorch compiled',
      side: 'peer',
      kind: 'service',
      precision: 'float32',
      start: (folder) => startFastApi(served, folder),
    },
    ...SERVED.map((option): Contestant => {
      const { spec, ...rest } = cairn(option);
      return {
        name: `Cairn service: ${option}`,
        kind: 'service',
        ...rest,
        start: (folder) => startCairn(spec, env, folder),
      };
    }),
  ];
}
