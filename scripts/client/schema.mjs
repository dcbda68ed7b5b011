/**
 * The types of the HTTP interface, generated from its OpenAPI document. The document comes from the code of the build in
 * dist/: nothing is served, and no Redis is needed.
 */
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import openapiTS, { astToString } from 'openapi-typescript';
import { format, resolveConfig } from 'prettier';
import 'reflect-metadata';
import { fileURLToPath } from 'node:url';

export const SCHEMA_FILE = fileURLToPath(new URL('../../src/client/api-schema.ts', import.meta.url));

const HEAD = `// Generated from the OpenAPI document by \`npm run client:schema\`; do not edit.\n\n`;

/** Paths are written by hand; the rest is empty. */
const USED = new Set(['components', 'operations']);

/** The version of an interface is that of its description: that of the software would change the file at each release. */
const VERSION = 'generated';

/** The OpenAPI document, by NestJS's preview mode, in which no controller is made and so none of its parts is used. */
export async function openApiDocument() {
  const { ApiModule } = await import('../../dist/src/api/api.module.js');
  const { createDocument } = await import('../../dist/src/api/openapi/document.js');
  const parts = anything();
  const options = { preview: true, abortOnError: false, logger: false };
  const app = await NestFactory.create(ApiModule.register(parts, VERSION, parts), new FastifyAdapter(), options);
  return createDocument(app, VERSION);
}

/** Has every property and can be called; it is no promise, so that nothing waits for it. */
function anything() {
  const get = (_, name) =>
    typeof name === 'symbol' || name === 'then' ? undefined : name === 'valueOf' ? () => 0 : self;
  const self = new Proxy(() => self, { get });
  return self;
}

/** The text of `SCHEMA_FILE`. */
export async function clientSchema() {
  // A copy without references between its parts, which the generator would change.
  const document = JSON.parse(JSON.stringify(await openApiDocument()));
  // What has a default need not be sent.
  const nodes = await openapiTS(document, { alphabetize: true, silent: true, defaultNonNullable: false });
  const types = astToString(nodes.filter(({ name }) => USED.has(name?.text)));
  return format(HEAD + types, { ...(await resolveConfig(SCHEMA_FILE)), parser: 'typescript' });
}
