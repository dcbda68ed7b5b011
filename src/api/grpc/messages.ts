import type { TensorMetadata } from '../inference/model-metadata.js';

/** Messages of `proto/open-inference.proto` as `@grpc/proto-loader` reads and writes them; the part that is used. */
export interface Parameter {
  readonly bool_param?: boolean;
  readonly int64_param?: number;
  readonly string_param?: string;
  readonly double_param?: number;
  readonly uint64_param?: number;
}
export type Parameters = Readonly<Record<string, Parameter>>;

export interface InputTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly parameters: Parameters;
  readonly contents: { readonly uint_contents: readonly number[]; readonly bytes_contents: readonly Buffer[] } | null;
}

export interface InferRequest {
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string;
  readonly parameters: Parameters;
  readonly inputs: readonly InputTensor[];
  readonly outputs: readonly { readonly name: string; readonly parameters: Parameters }[];
  readonly raw_input_contents: readonly Buffer[];
}

export interface OutputTensor extends TensorMetadata {
  readonly parameters: Parameters;
}

export interface InferResponse {
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string;
  readonly parameters: Parameters;
  readonly outputs: readonly OutputTensor[];
  readonly raw_output_contents: readonly Uint8Array[];
}

/** The value of a parameter, of whichever type it is. */
export function valueOf(parameter: Parameter): string | number | boolean | undefined {
  return Object.values(parameter)[0] as string | number | boolean | undefined;
}

export function textParameters(values: Readonly<Record<string, string>>): Parameters {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { string_param: value }]));
}
