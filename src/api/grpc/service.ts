import type { Metadata, sendUnaryData, ServerDuplexStream, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { once } from 'node:events';
import { listModels } from '../../backbone/catalogue.js';
import { CairnError } from '../../errors.js';
import type { StoreHealth } from '../../features/store/store-health.js';
import type { JobQueue } from '../../jobs/queue.js';
import { hasScope, type Caller, type Scope } from '../../keys/api-key.js';
import type { KeyRing } from '../../keys/key-ring.js';
import { givenKey } from '../auth/given-key.js';
import { MODEL_VERSION, modelMetadata, modelOf } from '../inference/model-metadata.js';
import { EXTENSIONS } from '../inference/protocol.controller.js';
import { notReadyReason } from '../inference/readiness.js';
import { CODE_KEY, failureOf } from './failure.js';
import { infer, wholeResponse, type InferenceParts } from './inference.js';
import type { InferRequest, InferResponse } from './messages.js';

export interface ServiceParts extends InferenceParts {
  readonly queue: JobQueue;
  readonly health: StoreHealth;
  readonly keys: KeyRing | undefined;
  readonly version: string;
}

type Named = { readonly name: string; readonly version: string };
type Call = Pick<ServerUnaryCall<unknown, unknown>, 'metadata' | 'cancelled'> & {
  on(event: 'cancelled', listener: () => void): unknown;
};

/** How often the health of the service is looked at for those who watch it. */
const WATCH_EVERY_MS = 5000;

/** The methods of `GRPCInferenceService`, by their names. */
export function inferenceService(parts: ServiceParts) {
  const { queue, health, version } = parts;
  const reason = () => notReadyReason(queue, health);
  return {
    ServerLive: unary(parts, 'none', () => ({ live: true })),
    ServerReady: unary(parts, 'none', async () => ({ ready: (await reason()) === undefined })),
    ModelReady: unary(parts, 'read', async ({ name, version }: Named) => {
      modelOf(name, version || undefined);
      return { ready: (await reason()) === undefined };
    }),
    ServerMetadata: unary(parts, 'read', () => ({ name: 'cairn', version, extensions: EXTENSIONS })),
    ModelMetadata: unary(parts, 'read', ({ name, version }: Named) =>
      modelMetadata(modelOf(name, version || undefined)),
    ),
    RepositoryIndex: unary(parts, 'read', async ({ ready }: { readonly ready: boolean }) => {
      const problem = await reason();
      const state = problem === undefined ? 'READY' : 'UNAVAILABLE';
      if (ready && problem !== undefined) return { models: [] };
      return {
        models: listModels().map(({ name }) => ({ name, version: MODEL_VERSION, state, reason: problem ?? '' })),
      };
    }),
    ModelInfer: unary(parts, 'submit', (request: InferRequest, caller, gone) =>
      wholeResponse(infer(request, caller, gone, parts)),
    ),
    ModelStreamInfer: (call: ServerDuplexStream<InferRequest, unknown>) => void streamInfer(call, parts),
  };
}

/** `grpc.health.v1.Health`: the whole server, or its one service. */
export function healthService({ queue, health }: ServiceParts, service: string) {
  const statusOf = async (name: string) => {
    if (name !== '' && name !== service) return 'SERVICE_UNKNOWN';
    return (await notReadyReason(queue, health)) === undefined ? 'SERVING' : 'NOT_SERVING';
  };
  return {
    Check: (call: ServerUnaryCall<{ service: string }, unknown>, callback: sendUnaryData<unknown>) => {
      statusOf(call.request.service).then(
        (status) => {
          if (status !== 'SERVICE_UNKNOWN') callback(null, { status });
          else callback(failureOf(new CairnError('route-not-found', `There is no service ${call.request.service}.`)));
        },
        (error: unknown) => callback(failureOf(error)),
      );
    },
    Watch: (call: ServerWritableStream<{ service: string }, unknown>) => {
      let last = '';
      const look = async () => {
        const status = await statusOf(call.request.service).catch(() => 'NOT_SERVING');
        if (status !== last) call.write({ status });
        last = status;
      };
      void look();
      const timer = setInterval(() => void look(), WATCH_EVERY_MS).unref();
      call.on('cancelled', () => {
        clearInterval(timer);
        call.end();
      });
    },
  };
}

/** A method of one message; `work` is cancelled with the call, and by its deadline. */
function unary<Request, Response>(
  { keys }: Pick<ServiceParts, 'keys'>,
  scope: Scope | 'none',
  work: (request: Request, caller: Caller | undefined, gone: AbortSignal) => Response | Promise<Response>,
) {
  return (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>): void => {
    const answer = async () => work(call.request, callerOf(call.metadata, keys, scope), goneSignal(call));
    answer().then(
      (response) => callback(null, response),
      (error: unknown) => callback(failureOf(error)),
    );
  };
}

/** Requests are answered one after the other, a level at a time; one that fails does not end the stream. */
async function streamInfer(call: ServerDuplexStream<InferRequest, unknown>, parts: ServiceParts): Promise<void> {
  const gone = goneSignal(call);
  try {
    const caller = callerOf(call.metadata, parts.keys, 'submit');
    // By itself the iteration would destroy the call once the client has sent its last request.
    for await (const request of call.iterator({ destroyOnReturn: false }) as AsyncIterable<InferRequest>) {
      try {
        // The last response is known as such once there is no other.
        let held: InferResponse | undefined;
        for await (const response of infer(request, caller, gone, parts)) {
          if (held) await send(call, { infer_response: finality(held, false) }, gone);
          held = response;
        }
        await send(call, { infer_response: finality(held!, true) }, gone);
      } catch (error) {
        if (gone.aborted) throw error;
        const { details, metadata } = failureOf(error);
        const failed = { id: request.id, model_name: request.model_name, model_version: MODEL_VERSION };
        const message = `${details} [${String(metadata.get(CODE_KEY)[0])}]`;
        await send(call, { error_message: message, infer_response: failed }, gone);
      }
    }
    call.end();
  } catch (error) {
    if (!gone.aborted) call.emit('error', failureOf(error));
  }
}

function finality(response: InferResponse, final: boolean): InferResponse {
  return { ...response, parameters: { ...response.parameters, triton_final_response: { bool_param: final } } };
}

/** Waits where the client is slow. */
async function send(
  call: ServerDuplexStream<InferRequest, unknown>,
  message: object,
  gone: AbortSignal,
): Promise<void> {
  if (!call.write(message)) await once(call, 'drain', { signal: gone });
}

function goneSignal(call: Call): AbortSignal {
  const gone = new AbortController();
  if (call.cancelled) gone.abort();
  else call.on('cancelled', () => gone.abort());
  return gone.signal;
}

/** Whose key the metadata has; undefined where none is asked for. @throws CairnError `key-…` or `scope-missing`. */
function callerOf(metadata: Metadata, keys: KeyRing | undefined, scope: Scope | 'none'): Caller | undefined {
  if (!keys || scope === 'none') return undefined;
  const headersDistinct = Object.fromEntries(
    ['authorization', 'x-api-key'].map((name) => [name, metadata.get(name).map(String)]),
  );
  const caller = keys.find(givenKey({ headersDistinct }));
  if (!caller) throw new CairnError('key-invalid', 'This server does not know the API key, or it has been revoked.');
  const { quotas } = caller;
  if (quotas['requests-per-second'] !== undefined || quotas['bytes-per-day'] !== undefined) {
    throw new CairnError('scope-missing', `The key "${caller.name}" has quotas that gRPC does not count; use REST.`);
  }
  if (hasScope(caller, scope)) return caller;
  throw new CairnError('scope-missing', `The key "${caller.name}" lacks the scope ${scope}, which this needs.`);
}
