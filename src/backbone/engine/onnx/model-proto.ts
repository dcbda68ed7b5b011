import protobuf from 'protobufjs/light.js';
import type { QuantizationParameters } from '../../quantization.js';

/**
 * The part of the ONNX model format that Cairn writes, as a protobuf schema: field names and
 * numbers follow `onnx.proto` of IR version 8.
 */
const SCHEMA = {
  nested: {
    ModelProto: {
      fields: {
        irVersion: { type: 'int64', id: 1 },
        producerName: { type: 'string', id: 2 },
        producerVersion: { type: 'string', id: 3 },
        graph: { type: 'GraphProto', id: 7 },
        opsetImport: { rule: 'repeated', type: 'OperatorSetIdProto', id: 8 },
        metadataProps: { rule: 'repeated', type: 'StringStringEntryProto', id: 14 },
      },
    },
    StringStringEntryProto: { fields: { key: { type: 'string', id: 1 }, value: { type: 'string', id: 2 } } },
    OperatorSetIdProto: { fields: { domain: { type: 'string', id: 1 }, version: { type: 'int64', id: 2 } } },
    GraphProto: {
      fields: {
        node: { rule: 'repeated', type: 'NodeProto', id: 1 },
        name: { type: 'string', id: 2 },
        initializer: { rule: 'repeated', type: 'TensorProto', id: 5 },
        input: { rule: 'repeated', type: 'ValueInfoProto', id: 11 },
        output: { rule: 'repeated', type: 'ValueInfoProto', id: 12 },
      },
    },
    NodeProto: {
      fields: {
        input: { rule: 'repeated', type: 'string', id: 1 },
        output: { rule: 'repeated', type: 'string', id: 2 },
        name: { type: 'string', id: 3 },
        opType: { type: 'string', id: 4 },
        attribute: { rule: 'repeated', type: 'AttributeProto', id: 5 },
      },
    },
    AttributeProto: {
      fields: {
        name: { type: 'string', id: 1 },
        f: { type: 'float', id: 2 },
        i: { type: 'int64', id: 3 },
        s: { type: 'bytes', id: 4 },
        ints: { rule: 'repeated', type: 'int64', id: 8 },
        type: { type: 'int32', id: 20 },
      },
    },
    TensorProto: {
      fields: {
        dims: { rule: 'repeated', type: 'int64', id: 1 },
        dataType: { type: 'int32', id: 2 },
        name: { type: 'string', id: 8 },
        rawData: { type: 'bytes', id: 9 },
      },
    },
    ValueInfoProto: { fields: { name: { type: 'string', id: 1 }, type: { type: 'TypeProto', id: 2 } } },
    TypeProto: { fields: { tensorType: { type: 'TensorTypeProto', id: 1 } } },
    TensorTypeProto: { fields: { elemType: { type: 'int32', id: 1 }, shape: { type: 'TensorShapeProto', id: 2 } } },
    TensorShapeProto: { fields: { dim: { rule: 'repeated', type: 'Dimension', id: 1 } } },
    Dimension: { fields: { dimValue: { type: 'int64', id: 1 }, dimParam: { type: 'string', id: 2 } } },
  },
};

const IR_VERSION = 8;
const OPSET_VERSION = 17;
const ATTRIBUTE_FLOAT = 1;
const ATTRIBUTE_INT = 2;
const ATTRIBUTE_STRING = 3;
const ATTRIBUTE_INTS = 7;

/** Numbers of `TensorProto.DataType`. */
export const ELEMENT_TYPE = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, float16: 10 } as const;
export type ElementType = keyof typeof ELEMENT_TYPE;
const ELEMENT_BYTES: Record<ElementType, number> = { float32: 4, uint8: 1, int8: 1, int32: 4, int64: 8, float16: 2 };

/** Lengths of a value's axes; a string names an axis of dynamic length. */
export type Dimensions = readonly (number | string)[];

/** Inputs, then attributes of integers, floats and strings. */
type NodeParts = [
  inputs: readonly string[],
  integers?: Record<string, number | number[]>,
  floats?: Record<string, number>,
  strings?: Record<string, string>,
];

/** What a model file says of itself. */
export interface ModelProperties {
  /** Version of the program that wrote it. */
  readonly producerVersion: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Collects the nodes and constants of one ONNX graph and writes it as bytes. */
export class ModelProto {
  private readonly added: object[] = [];
  private readonly initializers: object[] = [];
  private readonly inputs: object[] = [];
  private readonly outputs: object[] = [];

  /** Adds a node with one output of the node's name; returns that name. */
  node(opType: string, name: string, ...rest: NodeParts): string {
    this.nodes(opType, [name], ...rest);
    return name;
  }

  /** Adds a node with several outputs, whose name is that of the first; returns their names. */
  nodes(
    opType: string,
    outputs: readonly string[],
    inputs: readonly string[],
    integers: Record<string, number | number[]> = {},
    floats: Record<string, number> = {},
    strings: Record<string, string> = {},
  ): readonly string[] {
    const attribute = [
      ...Object.entries(integers).map(([key, value]) =>
        Array.isArray(value)
          ? { name: key, ints: value, type: ATTRIBUTE_INTS }
          : { name: key, i: value, type: ATTRIBUTE_INT },
      ),
      ...Object.entries(floats).map(([key, value]) => ({ name: key, f: value, type: ATTRIBUTE_FLOAT })),
      ...Object.entries(strings).map(([key, value]) => ({ name: key, s: Buffer.from(value), type: ATTRIBUTE_STRING })),
    ];
    this.added.push({ opType, name: outputs[0], input: inputs, output: outputs, attribute });
    return outputs;
  }

  constant(name: string, elementType: ElementType, dims: readonly number[], data: ArrayBufferView): string {
    const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const elements = dims.reduce((product, length) => product * length, 1);
    if (rawData.byteLength !== elements * ELEMENT_BYTES[elementType]) throw new Error(`constant ${name} is misshaped`);
    this.initializers.push({ name, dims, dataType: ELEMENT_TYPE[elementType], rawData });
    return name;
  }

  input(name: string, elementType: ElementType, dims: Dimensions): string {
    this.inputs.push(valueInfo(name, elementType, dims));
    return name;
  }

  /** Without `dims`, the number of its axes is left open. */
  output(name: string, elementType: ElementType, dims: Dimensions | undefined): void {
    this.outputs.push(valueInfo(name, elementType, dims));
  }

  /** Adds a node whose value, in float32 of any number of axes, is an output; returns its name. */
  expose(
    opType: string,
    name: string,
    inputs: readonly string[],
    integers: Record<string, number | number[]> = {},
  ): string {
    this.output(this.node(opType, name, inputs, integers), 'float32', undefined);
    return name;
  }

  /** Adds a scale and a zero point as constants; returns their names. */
  quantization(name: string, { scale, zeroPoint }: QuantizationParameters): [scale: string, zeroPoint: string] {
    return [
      this.constant(`${name}/scale_factor`, 'float32', [], Float32Array.of(scale)),
      this.constant(`${name}/zero_point`, 'uint8', [], Uint8Array.of(zeroPoint)),
    ];
  }

  /** The serialised `ModelProto`. */
  encode(graphName: string, properties?: ModelProperties): Uint8Array {
    const type = protobuf.Root.fromJSON(SCHEMA).lookupType('ModelProto');
    const model = {
      irVersion: IR_VERSION,
      producerName: 'cairn',
      ...(properties && {
        producerVersion: properties.producerVersion,
        metadataProps: Object.entries(properties.metadata).map(([key, value]) => ({ key, value })),
      }),
      opsetImport: [{ domain: '', version: OPSET_VERSION }],
      graph: {
        name: graphName,
        node: this.added,
        initializer: this.initializers,
        input: this.inputs,
        output: this.outputs,
      },
    };
    return type.encode(type.create(model)).finish();
  }
}

function valueInfo(name: string, elementType: ElementType, dims: Dimensions | undefined): object {
  const dim = dims?.map((length) => (typeof length === 'number' ? { dimValue: length } : { dimParam: length }));
  return { name, type: { tensorType: { elemType: ELEMENT_TYPE[elementType], ...(dim && { shape: { dim } }) } } };
}
