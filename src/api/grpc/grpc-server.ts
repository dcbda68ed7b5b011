import {
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type GrpcObject,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { fileURLToPath } from 'node:url';
import type { INestApplication } from '@nestjs/common';
import { CairnError } from '../../errors.js';
import { BandBudget } from '../../features/band-budget.js';
import { ImageIntake } from '../../images/intake.js';
import { JobService } from '../../jobs/service.js';
import type { ApiParts } from '../api.module.js';
import { ByteBudget } from '../http/byte-budget.js';
import { SERVER_VERSION } from '../tokens.js';
import { healthService, inferenceService, type ServiceParts } from './service.js';

const PROTO = fileURLToPath(new URL('../../../../proto/', import.meta.url));
const FILES = ['open-inference.proto', 'health.proto'];
const SERVICE = 'inference.GRPCInferenceService';
/** Names as in the files; 64-bit integers are lengths of axes and options, which numbers hold. */
const FORM = { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: false } as const;

export interface GrpcOptions {
  readonly host: string;
  /** 0 picks an unused one. */
  readonly port: number;
  /** Largest message of a client. */
  readonly maxMessageBytes: number;
}

export interface GrpcServer {
  /** `host:port`. */
  readonly address: string;
  /** Ends calls that are under way after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** As `startGrpcServer`, on the parts of the API: both share their limits. */
export function grpcServerFor(
  app: INestApplication,
  { queue, health, access, http }: ApiParts,
  options: GrpcOptions,
): Promise<GrpcServer> {
  const parts = {
    ...{ queue, health, keys: access?.ring, maxJsonValues: http.maxJsonValues },
    intake: app.get(ImageIntake, { strict: false }),
    jobs: app.get(JobService, { strict: false }),
    memory: app.get(ByteBudget, { strict: false }),
    streams: app.get(BandBudget, { strict: false }),
    version: app.get<string>(SERVER_VERSION, { strict: false }),
  };
  return startGrpcServer(parts, options);
}

/** Starts the Open Inference Protocol over gRPC, with health checks and reflection. @throws CairnError `option-invalid`. */
async function startGrpcServer(parts: ServiceParts, options: GrpcOptions): Promise<GrpcServer> {
  const definition = loadSync(FILES, { ...FORM, includeDirs: [PROTO] });
  const server = new Server({
    'grpc.max_receive_message_length': options.maxMessageBytes,
    // Responses are bounded by the memory that all requests share.
    'grpc.max_send_message_length': -1,
  });
  const packages = loadPackageDefinition(definition);
  server.addService(serviceOf(packages, SERVICE), inferenceService(parts));
  server.addService(serviceOf(packages, 'grpc.health.v1.Health'), healthService(parts, SERVICE));
  new ReflectionService(definition).addToServer(server);
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  const port = await bind(server, host, options.port);
  return { address: `${host}:${port}`, close: (graceMs) => shutDown(server, graceMs) };
}

function serviceOf(packages: GrpcObject, path: string): ServiceClientConstructor['service'] {
  const found = path.split('.').reduce<unknown>((inner, name) => (inner as GrpcObject)[name], packages);
  return (found as ServiceClientConstructor).service;
}

function bind(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (cause, bound) => {
      if (!cause) resolve(bound);
      else reject(new CairnError('option-invalid', `gRPC cannot listen on port ${port} of ${host}.`, { cause }));
    });
  });
}

async function shutDown(server: Server, graceMs: number): Promise<void> {
  const overdue = setTimeout(() => server.forceShutdown(), graceMs);
  await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  clearTimeout(overdue);
}
