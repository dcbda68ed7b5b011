import multipart from '@fastify/multipart';
import type { LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule } from '@nestjs/swagger';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { randomUUID } from 'node:crypto';
import 'reflect-metadata';
import { CairnError } from '../errors.js';
import { ApiModule, type ApiParts } from './api.module.js';
import { Audit } from './auth/audit.js';
import { guardWithKeys } from './auth/key-guard.js';
import { limitCallers } from './auth/quota-guard.js';
import { demandScopes } from './auth/scope.js';
import { refuseOtherMethods } from './http/allowed-methods.js';
import { limitBodies } from './http/body-limits.js';
import { allowOrigins } from './http/cors.js';
import { guardAgainstBrowsers } from './http/browser-guard.js';
import type { ErrorFilter } from './http/error-filter.js';
import { FairTurns, takeTurns } from './http/fair-turns.js';
import { endIdleAnswers } from './http/idle-answers.js';
import { demandOneHost } from './http/one-host.js';
import { ProblemFilter } from './http/problem.js';
import { passOpaqueBodies } from './http/request-body.js';
import { addSecurityHeaders, SECURITY_HEADERS } from './http/security-headers.js';
import { abortUnreadBodies } from './http/unread-bodies.js';
import { ProtocolFilter } from './inference/protocol-error.js';
import { Metrics } from './metrics/metrics.controller.js';
import { createDocument } from './openapi/document.js';

/** A JSON body has a URL and a few options, or the boxes of one request. */
export const MAX_JSON_BYTES = 1 << 20;
export const MAX_FIELDS = 32;
export const MAX_FIELD_BYTES = 4096;
/** The prefix of the Open Inference Protocol. */
const PROTOCOL = '/v2';
const DOCS = 'docs';

/** The API as an application that does not listen yet. */
export async function createServer(
  parts: ApiParts,
  version: string,
  logger: LoggerService | false,
): Promise<NestFastifyApplication> {
  const audit = new Audit();
  const problems = new ProblemFilter(audit);
  const protocol = new ProtocolFilter(audit);
  const filterOf = (path: string | undefined): ErrorFilter => (isBelow(PROTOCOL, path) ? protocol : problems);
  const answer = (error: CairnError, reply: FastifyReply) => {
    filterOf(reply.request.routeOptions.url ?? reply.request.url).answer(error, reply);
  };
  const adapter = new FastifyAdapter({
    bodyLimit: MAX_JSON_BYTES,
    forceCloseConnections: 'idle',
    // Unique among all processes, since their logs end up together.
    genReqId: () => randomUUID(),
    // Paths that the router refuses reach no hook.
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      void reply.headers(SECURITY_HEADERS);
      filterOf(request.raw.url).answer(error, reply);
    },
  });
  const app = await NestFactory.create<NestFastifyApplication>(ApiModule.register(parts, version, audit), adapter, {
    logger,
    bodyParser: false,
  });
  const fastify = adapter.getInstance();
  const { http } = parts;
  fastify.server.maxConnections = http.maxConnections;
  addSecurityHeaders(fastify, `/${DOCS}`);
  demandOneHost(fastify, answer);
  guardAgainstBrowsers(fastify, http, answer);
  demandScopes(fastify, (url) => url === '*' || isBelow(`/${DOCS}`, url) || url.startsWith(`/${DOCS}-`));
  await allowOrigins(fastify, http.corsOrigins);
  guardWithKeys(fastify, parts.access?.ring, answer);
  if (parts.access) await limitCallers(fastify, parts.access, answer);
  takeTurns(fastify, new FairTurns(), answer);
  endIdleAnswers(fastify, http.answerTimeoutMs);
  parts.metrics.add(limitBodies(fastify, http, answer));
  const addRefusals = refuseOtherMethods(fastify, answer);
  app.get(Metrics, { strict: false }).watch(fastify);
  abortUnreadBodies(fastify);
  // Every body that is neither JSON nor a form may be an image, also under the type that curl gives to --data-binary.
  fastify.removeContentTypeParser('text/plain');
  fastify.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  passOpaqueBodies(fastify);
  await fastify.register(unknownRoutes, { prefix: PROTOCOL, filter: protocol });
  await fastify.register(multipart, {
    limits: { files: 2, fields: MAX_FIELDS, fieldSize: MAX_FIELD_BYTES, fileSize: parts.limits.maxUploadBytes + 1 },
    throwFileSizeLimit: false,
  });
  app.useGlobalFilters(problems);
  SwaggerModule.setup(DOCS, app, () => createDocument(app, version, parts.access !== undefined), {
    customSiteTitle: 'Cairn',
  });
  await app.init();
  addRefusals();
  return app;
}

/** Answers the routes below a prefix that do not exist, in the form of their protocol, and leaves their bodies unread. */
function unknownRoutes(server: FastifyInstance, { filter }: { filter: ProtocolFilter }, done: () => void): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, payload, parsed) => parsed(null, payload));
  server.setNotFoundHandler((request, reply) => {
    filter.answer(new CairnError('route-not-found', `Cannot ${request.method} ${request.url}`), reply);
  });
  done();
}

function isBelow(prefix: string, route = ''): boolean {
  return route === prefix || route.startsWith(`${prefix}/`);
}
