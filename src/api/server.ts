import 'reflect-metadata';
import multipart from '@fastify/multipart';
import type { LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { ApiModule, type ApiParts } from './api.module.js';
import { Metrics } from './metrics/metrics.js';
import { speaksProtocol } from './inference/protocol-error.js';
import { ProblemFilter } from './http/problem.js';
import { limitUnread } from './http/unread-bodies.js';

/** JSON bodies name a URL and a few options, or as many boxes as regions may be asked for at once. */
const MAX_JSON_BYTES = 1 << 20;
const OPAQUE = 'application/octet-stream';
const MAX_FIELDS = 32;
const MAX_FIELD_BYTES = 4096;

/** The API as an application that does not listen yet. */
export async function createServer(
  parts: ApiParts,
  version: string,
  logger: LoggerService,
): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({ bodyLimit: MAX_JSON_BYTES, forceCloseConnections: 'idle' });
  const app = await NestFactory.create<NestFastifyApplication>(ApiModule.register(parts, version), adapter, {
    logger,
    bodyParser: false,
  });
  const fastify = adapter.getInstance();
  app.get(Metrics).watch(fastify);
  limitUnread(fastify);
  // An image is whatever is not JSON or a form, also under the type that curl gives to --data-binary.
  fastify.removeContentTypeParser('text/plain');
  fastify.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  // Inference requests are JSON with bytes behind it, under whatever type: their controllers read them.
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (speaksProtocol(request.url)) request.headers['content-type'] = OPAQUE;
    done();
  });
  await fastify.register(multipart, {
    limits: { files: 2, fields: MAX_FIELDS, fieldSize: MAX_FIELD_BYTES, fileSize: parts.limits.maxUploadBytes + 1 },
    throwFileSizeLimit: false,
  });
  app.useGlobalFilters(new ProblemFilter());
  const document = new DocumentBuilder()
    .setTitle('Cairn')
    .setDescription('Feature pyramids of Mask R-CNN backbones. Errors are application/problem+json with a stable code.')
    .setVersion(version)
    .build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, document));
  return app;
}
