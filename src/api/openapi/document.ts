import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { OperationObject, ParameterObject, PathItemObject } from '@nestjs/swagger';
import { SCOPE, type RouteScope } from '../auth/scope.js';
import { OF_KEYS, OPERATION } from './operation.js';
import { componentsOf } from './schemas.js';

const DESCRIPTION = `Feature pyramids of Mask R-CNN backbones: an image in, the levels C1–C5 and P2–P6 out.

A server with API keys asks for one on every route but health: \`Authorization: Bearer <key>\` or \`X-API-Key: <key>\`, with the scope that \`x-scope\` names.

Errors are \`application/problem+json\` (RFC 9457) with a stable \`code\`; below \`/v2\` they have the form of the Open Inference Protocol.`;

const TAGS: Readonly<Record<string, string>> = {
  jobs: 'One image each: submit, follow, cancel.',
  extract: 'One image in, its levels in the same answer.',
  images: 'Images that are sent ahead, and named by their digest afterwards.',
  batches: 'Many images at once.',
  features: 'Finished feature sets: description, levels, archive, regions.',
  models: 'The catalogue.',
  stream: 'Finished feature sets as they are announced.',
  'open inference protocol': 'For clients of Triton and KServe.',
  health: 'For orchestrators and monitoring.',
};

/** Two ways to send the same key. */
const SECURITY_SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer', description: 'An API key: `Authorization: Bearer cairn_…`.' },
  apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'An API key.' },
} as const;
const KEY: Record<string, string[]>[] = [{ bearer: [] }, { apiKey: [] }];

/** The OpenAPI document of the whole API; `asksForKeys` says whether this server does. */
export function createDocument(app: INestApplication, version: string, asksForKeys: boolean): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('Cairn')
    .setDescription(DESCRIPTION)
    .setVersion(version)
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addServer('/', 'This server');
  for (const [name, description] of Object.entries(TAGS)) config.addTag(name, description);
  const { paths: routes, ...document } = SwaggerModule.createDocument(app, config.build());
  const paths = Object.fromEntries(Object.entries(routes).map(([path, item]) => documentedPath(path, item)));
  const bodies = Object.values(paths).flatMap((item) =>
    Object.values(item as Record<string, OperationObject>).map(({ requestBody }) => requestBody),
  );
  const schemas = { ...componentsOf(paths, 'received'), ...componentsOf(bodies, 'sent') };
  const components = { schemas, securitySchemes: { ...SECURITY_SCHEMES } };
  // An empty requirement is no requirement.
  return { ...document, paths, components, security: asksForKeys ? KEY : [{}, ...KEY] };
}

/** Routes come from NestJS, their documentation from their `Operation`. */
function documentedPath(route: string, item: PathItemObject): [string, PathItemObject] {
  // Fastify's name of the rest of a path.
  const path = route.replace(/\*$/, '{path}');
  const methods = Object.entries(item as Record<string, OperationObject>);
  return [path, Object.fromEntries(methods.map(([method, operation]) => [method, documented(path, operation)]))];
}

function documented(path: string, found: OperationObject): OperationObject {
  const { [OPERATION]: operation, [SCOPE]: scope } = found as unknown as {
    readonly [OPERATION]?: OperationObject;
    readonly [SCOPE]?: RouteScope;
  };
  if (!operation) throw new Error(`${path} has an operation without documentation`);
  const parameters = (operation.parameters as ParameterObject[]).filter(
    ({ in: place, name }) => place !== 'path' || path.includes(`{${name}}`),
  );
  // A method that answers on two paths is two operations.
  const operationId = operation.operationId! + (path.includes('{version}') ? 'Version' : '');
  if (scope === 'none') return { ...withoutKey(operation), operationId, tags: [tagOf(path)], parameters };
  return { ...operation, [SCOPE]: scope, operationId, tags: [tagOf(path)], parameters } as OperationObject;
}

/** An operation that no key is asked for. */
function withoutKey({ responses, ...operation }: OperationObject): OperationObject {
  const left = Object.entries(responses).filter(([status]) => !OF_KEYS.has(status));
  return { ...operation, responses: Object.fromEntries(left), security: [] };
}

/** One of `TAGS`: the resource, or what the paths without one are for. */
function tagOf(path: string): string {
  const [, version, resource = ''] = path.split('/');
  if (version === 'v1') return resource;
  return version === 'v2' ? 'open inference protocol' : 'health';
}
