import fc, { type Arbitrary } from 'fast-check';
import { bodyOf, type FuzzBody } from './bodies.js';
import type { Operation, Parameter } from './operations.js';
import { nastyText, placeholder, textOf, type KnownName } from './values.js';

/** A request as it is drawn; placeholders stand for ids that only a run knows. */
export interface FuzzRequest {
  readonly operation: string;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body?: Buffer | undefined;
  /** The client leaves after this share of its body, or right after it where that is 1. */
  readonly leavesAt?: number;
}

/** Headers that the server looks at, whatever is documented. */
const HEADERS: readonly (readonly [string, Arbitrary<string>])[] = [
  [
    'accept',
    fc.constantFrom('*/*', 'application/json', 'application/x-ndjson', 'text/event-stream', 'image/png;q=2', ',;'),
  ],
  ['accept-encoding', fc.constantFrom('zstd', 'gzip', 'zstd, gzip;q=0.5', 'identity;q=0', '*')],
  [
    'range',
    fc.oneof(
      fc.constantFrom('bytes=0-0', 'bytes=-1', 'bytes=5-', 'bytes=9-3', 'bytes=0-1,3-4', 'bytes=', 'lines=1'),
      fc.tuple(fc.integer(), fc.integer()).map(([a, b]) => `bytes=${a}-${b}`),
    ),
  ],
  ['if-none-match', fc.constantFrom('*', '"x"', placeholder('etag'), 'W/"x"', '')],
  ['if-range', fc.constantFrom('"x"', placeholder('etag'), 'Tue, 01 Jan 2030 00:00:00 GMT')],
  ['last-event-id', fc.oneof(fc.constantFrom('0', '0-0', '99999999999999-1', placeholder('announcement')), nastyText)],
  ['idempotency-key', fc.oneof(fc.constantFrom('k', 'x'.repeat(300)), nastyText)],
  [
    'content-type',
    fc.constantFrom(
      'application/json',
      'application/json; charset=utf-16',
      'multipart/form-data',
      'text/plain',
      'image/png',
      'application/octet-stream',
      ';',
    ),
  ],
  ['content-encoding', fc.constantFrom('gzip', 'br', 'zstd', 'identity', 'gzip, gzip', 'x')],
  ['inference-header-content-length', fc.constantFrom('0', '1', '-1', '99999999', 'x')],
  ['authorization', fc.oneof(fc.constantFrom('Bearer x', 'Bearer', 'Basic eA==', 'Bearer a.b'), nastyText)],
  ['x-api-key', nastyText],
  ['origin', fc.constantFrom('http://evil.example', 'null', 'http://localhost', '')],
  ['sec-fetch-site', fc.constantFrom('cross-site', 'same-origin', 'x')],
  ['host', fc.constantFrom('localhost', 'evil.example', '', 'a:b', '[::1]:80')],
  ['x-forwarded-for', fc.constantFrom('1.2.3.4', nastyLine())],
  ['expect', fc.constantFrom('100-continue', 'x')],
  ['cookie', nastyText],
  ['traceparent', fc.constantFrom('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'x')],
];
/** What an id is of, by the path that it is in; of others it may be any. */
const IDS: readonly (readonly [prefix: string, names: readonly KnownName[]])[] = [
  ['/v1/features/', ['features', 'features8']],
  ['/v1/jobs/', ['job', 'failedJob']],
  ['/v1/batches/', ['batch']],
];
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'];
const LEAVING_SHARE = 0.03;

function nastyLine(): string {
  return '1.2.3.4, ::1, unknown, "x"';
}

/** A request to one of the operations. */
export function requestOf(operations: readonly Operation[]): Arbitrary<FuzzRequest> {
  return fc.oneof(...operations.map(ofOperation));
}

function ofOperation(operation: Operation): Arbitrary<FuzzRequest> {
  const { name, method, path, parameters } = operation;
  const methods = fc.oneof(
    { weight: 50, arbitrary: fc.constant(method) },
    { weight: 1, arbitrary: fc.constantFrom(...METHODS) },
  );
  const leaving = fc.oneof(
    { weight: Math.round(1 / LEAVING_SHARE), arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(0, 0.5, 1) },
  );
  const parts = fc.tuple(
    methods,
    pathOf(path, parameters),
    queryOf(parameters),
    headersOf(parameters),
    bodyOf(operation),
    leaving,
  );
  return parts.map(([drawn, target, query, headers, body, leavesAt]) => ({
    operation: name,
    method: drawn,
    target: target + query,
    headers: merge(headers, body),
    ...(body && { body: body.bytes }),
    ...(leavesAt !== undefined && { leavesAt }),
  }));
}

/** The path with a value for each of its parameters; now and then a path of its own. */
function pathOf(path: string, parameters: readonly Parameter[]): Arbitrary<string> {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  const values = names.map((name) => {
    const schema = parameters.find((parameter) => parameter.in === 'path' && parameter.name === name)?.schema ?? {};
    const any = textOf(schema, name);
    const own = name === 'id' ? IDS.find(([prefix]) => path.startsWith(prefix))?.[1].map(placeholder) : undefined;
    const drawn = own
      ? fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...own) }, { weight: 1, arbitrary: any })
      : any;
    return fc.oneof({ weight: 8, arbitrary: drawn.map(encode) }, { weight: 1, arbitrary: drawn.map(raw) });
  });
  const filled = fc
    .tuple(...values)
    .map((given) => names.reduce((text, name, i) => text.replace(`{${name}}`, () => given[i]!), path));
  return fc.oneof(
    { weight: 40, arbitrary: filled },
    { weight: 1, arbitrary: fc.tuple(filled, nastyText).map(([text, more]) => `${text}/${raw(more)}`) },
  );
}

function queryOf(parameters: readonly Parameter[]): Arbitrary<string> {
  const queries = parameters.filter((parameter) => parameter.in === 'query');
  const own = queries.map(({ name, schema }) => {
    const value = textOf(schema, name).map((drawn) => `${name}=${encode(drawn)}`);
    const frequent = ['model', 'size', 'levels', 'group', 'consumer'].includes(name);
    return fc.oneof(
      { weight: frequent ? 1 : 5, arbitrary: fc.constant('') },
      { weight: frequent ? 9 : 2, arbitrary: value },
    );
  });
  const more = fc.oneof(
    { weight: 20, arbitrary: fc.constant('') },
    { weight: 1, arbitrary: fc.tuple(nastyText, nastyText).map(([a, b]) => `${encode(a)}=${raw(b)}`) },
  );
  return fc.tuple(fc.tuple(...own), more).map(([given, extra]) => {
    const text = [...given, extra].filter((one) => one !== '').join('&');
    return text === '' ? '' : `?${text}`;
  });
}

function headersOf(parameters: readonly Parameter[]): Arbitrary<[string, string][]> {
  const documented = parameters
    .filter((parameter) => parameter.in === 'header')
    .map(({ name, schema }) => [name.toLowerCase(), textOf(schema, name)] as const);
  const all = [...HEADERS, ...documented];
  const one = fc.oneof(
    ...all.map(([name, value]) => value.map((drawn): [string, string] => [name, headerValue(drawn)])),
  );
  return fc.oneof(
    { weight: 2, arbitrary: fc.constant<[string, string][]>([]) },
    { weight: 3, arbitrary: fc.array(one, { maxLength: 3 }) },
  );
}

function merge(drawn: readonly (readonly [string, string])[], body: FuzzBody | undefined): [string, string][] {
  const headers = new Map<string, string>(Object.entries(body?.headers ?? {}));
  for (const [name, value] of drawn) headers.set(name, value);
  return [...headers];
}

/** Placeholders stay readable. */
const encode = (text: string) => encodeURIComponent(Buffer.from(text).toString()).replace(/%24/g, '$');
/** What a client may send that does not encode: everything but what ends the line. */
const raw = (text: string) => text.replace(/[^\x21-\x7e]/g, '?').replace(/[?#]/g, '%3F');
const headerValue = (text: string) => text.replace(/[^\x20-\x7e\x80-\xff]/g, '').trim();
