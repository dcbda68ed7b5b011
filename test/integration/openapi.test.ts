import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { OpenAPIObject, OperationObject, ParameterObject, ResponseObject } from '@nestjs/swagger';
import { startService, temporaryFolder, type Service } from './support/service.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let service: Service;
let document: OpenAPIObject;
let operations: { at: string; path: string; operation: OperationObject }[];

beforeAll(async () => {
  folder = await temporaryFolder();
  // Nothing here needs Redis.
  service = await startService('api', { REDIS_URL: 'redis://127.0.0.1:1', CAIRN_DATA_DIR: folder.path });
  document = (await (await fetch(`${service.url}/docs-json`)).json()) as OpenAPIObject;
  operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item as Record<string, OperationObject>).map(([method, operation]) => ({
      at: `${method} ${path}`,
      path,
      operation,
    })),
  );
});

afterAll(async () => {
  await service.end();
  await folder.remove();
});

/** Those of which `test` says that something is missing. */
const lacking = (test: (operation: OperationObject, path: string) => boolean) =>
  operations.filter(({ operation, path }) => test(operation, path)).map(({ at }) => at);
const responses = ({ responses }: OperationObject) => Object.entries(responses as Record<string, ResponseObject>);
const parameters = (operation: OperationObject) => operation.parameters as ParameterObject[];

describe('the OpenAPI document', () => {
  test('has the routes', () => {
    expect(operations.map(({ at }) => at)).toEqual(
      expect.arrayContaining(['post /v1/jobs', 'get /v1/features/{id}.zarr/{path}', 'post /v2/models/{model}/infer']),
    );
    expect(operations.length).toBeGreaterThan(35);
    expect(document.servers).toEqual([expect.objectContaining({ url: '/' })]);
  });

  test('names every operation once, as an identifier', () => {
    const ids = operations.map(({ operation }) => operation.operationId!);
    expect(ids.filter((id) => !/^[a-z][A-Za-z0-9]*$/.test(id))).toEqual([]);
    expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([]);
  });

  test('has a schema for every answer that has a body', () => {
    const bodiless = lacking((operation) =>
      responses(operation).some(([status, { content }]) => /^2/.test(status) && !content),
    );
    expect(bodiless).toEqual(['head /v1/images/{sha256}', 'delete /v1/stream/groups/{group}']);
    const empty = lacking((operation) =>
      responses(operation).some(([, { content = {} }]) =>
        Object.values(content).some(({ schema }) => !schema || Object.keys(schema).length === 0),
      ),
    );
    expect(empty).toEqual([]);
  });

  test('gives JSON answers the names of components', () => {
    const inline = lacking((operation) =>
      responses(operation).some(([, { content = {} }]) => {
        const schema = content['application/json']?.schema;
        return schema && !('$ref' in schema) && !('format' in schema && schema.format === 'binary');
      }),
    );
    expect(inline).toEqual([]);
  });

  test('has a problem for refusals and for faults, in the form of the protocol below /v2', () => {
    const without = lacking((operation, path) => {
      const [type, name] = path.startsWith('/v2')
        ? ['application/json', 'ProtocolError']
        : ['application/problem+json', 'Problem'];
      const answers = operation.responses as Record<string, ResponseObject>;
      return ['4XX', '5XX'].some((status) => {
        const schema = answers[status]?.content?.[type]?.schema as { $ref?: string } | undefined;
        return schema?.$ref !== `#/components/schemas/${name}`;
      });
    });
    expect(without).toEqual([]);
  });

  test('declares and describes every parameter, and every parameter of a path', () => {
    const undescribed = lacking((operation) =>
      parameters(operation).some(({ description, schema }) => !description || !schema),
    );
    expect(undescribed).toEqual([]);
    const other = lacking((operation, path) => {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = parameters(operation).flatMap(({ in: place, name }) => (place === 'path' ? [name] : []));
      return named.sort().join() !== declared.sort().join();
    });
    expect(other).toEqual([]);
  });

  test('refers to components that it has', () => {
    const names = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name!);
    expect(names.filter((name) => !document.components!.schemas![name])).toEqual([]);
    expect(Object.keys(document.components!.schemas!)).toEqual(
      expect.arrayContaining([
        'Job',
        'Batch',
        'FeatureSet',
        'Announcement',
        'Problem',
        'RegionRequest',
        'InferenceResponse',
      ]),
    );
  });

  test('has the options of a job with their types and defaults', () => {
    const { operation } = operations.find(({ at }) => at === 'post /v1/jobs')!;
    const options = new Map(parameters(operation).map((parameter) => [parameter.name, parameter]));
    expect(options.get('size')!.schema).toMatchObject({ type: 'integer', default: 1024, multipleOf: 32 });
    expect(options.get('dtype')!.schema).toMatchObject({
      enum: expect.arrayContaining(['float16']),
      default: 'float16',
    });
    expect(options.get('levels')).toMatchObject({
      schema: { type: 'array' },
      explode: false,
      example: ['C2', 'C3', 'C4', 'C5'],
    });
    expect(options.get('priority')!.schema).toMatchObject({ enum: ['high', 'normal', 'low'], default: 'normal' });
    const body = operation.requestBody as { content: Record<string, unknown> };
    expect(Object.keys(body.content)).toEqual(['image/*', 'multipart/form-data', 'application/json']);
  });

  test('speaks in sentences', () => {
    const texts = operations.flatMap(({ operation }) => responses(operation).map(([, { description }]) => description));
    expect(texts.filter((text) => text.length < 9 || !text.endsWith('.'))).toEqual([]);
  });
});
