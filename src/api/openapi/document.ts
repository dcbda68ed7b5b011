import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { OperationObject, ParameterObject, PathItemObject } from '@nestjs/swagger';
import { OPERATION } from './operation.js';
import { componentsOf } from './schemas.js';

const DESCRIPTION = `Feature pyramids of Mask R-CNN backbones: an image in, the levels C1–C5 and P2–P6 out.

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

/** The OpenAPI document of the whole API. */
export function createDocument(app: INestApplication, version: string): OpenAPIObject {
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
  return { ...document, paths, components: { schemas }, security: [] };
}

/** Routes come from NestJS, their documentation from their `Operation`. */
function documentedPath(route: string, item: PathItemObject): [string, PathItemObject] {
  // Fastify's name of the rest of a path.
  const path = route.replace(/\*$/, '{path}');
  const methods = Object.entries(item as Record<string, OperationObject>);
  return [path, Object.fromEntries(methods.map(([method, operation]) => [method, documented(path, operation)]))];
}

function documented(path: string, found: OperationObject): OperationObject {
  const operation = (found as unknown as Record<string, OperationObject>)[OPERATION];
  if (!operation) throw new Error(`${path} has an operation without documentation`);
  const parameters = (operation.parameters as ParameterObject[]).filter(
    ({ in: place, name }) => place !== 'path' || path.includes(`{${name}}`),
  );
  // A method that answers on two paths is two operations.
  const operationId = operation.operationId! + (path.includes('{version}') ? 'Version' : '');
  return { ...operation, operationId, tags: [tagOf(path)], parameters };
}

/** One of `TAGS`: the resource, or what the paths without one are for. */
function tagOf(path: string): string {
  const [, version, resource = ''] = path.split('/');
  if (version === 'v1') return resource;
  return version === 'v2' ? 'open inference protocol' : 'health';
}
