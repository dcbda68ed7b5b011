import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CairnError } from '../../errors.js';
import { hasScope, type Caller } from '../../keys/api-key.js';
import type { KeyRing } from '../../keys/key-ring.js';
import { givenKey } from './given-key.js';
import { scopeOf } from './scope.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose key the request brought; undefined where the server asks for none. */
    caller: Caller | undefined;
  }
}

const REALM = 'Bearer realm="cairn"';

/**
 * Asks for a key with the scope of the route, and notes the caller. A hook of the server, not a guard of NestJS: it also covers
 * the documentation and routes that do not exist, and strangers are refused before a byte of their body is read.
 */
export function guardWithKeys(
  server: FastifyInstance,
  keys: KeyRing | undefined,
  answer: (error: CairnError, reply: FastifyReply) => void,
): void {
  server.decorateRequest('caller', undefined);
  if (!keys) return;
  server.addHook('onRequest', (request, reply, done) => {
    const scope = scopeOf(request.routeOptions.config);
    if (scope === 'none') {
      done();
      return;
    }
    try {
      const key = keys.find(givenKey(request.raw));
      if (!key) throw new CairnError('key-invalid', 'This server does not know the API key, or it has been revoked.');
      request.caller = key;
      if (scope !== 'any' && !hasScope(key, scope)) {
        throw new CairnError('scope-missing', `The key "${key.name}" lacks the scope ${scope}, which this needs.`);
      }
    } catch (error) {
      const refusal = error as CairnError;
      void reply.header('www-authenticate', challenge(refusal, scope));
      answer(refusal, reply);
      return;
    }
    // Responses are for the holder of the key: shared caches do not know X-API-Key.
    void reply.header('cache-control', 'private, no-cache');
    done();
  });
}

/** As RFC 6750 has it. */
function challenge({ code }: CairnError, scope: string): string {
  if (code === 'key-missing') return REALM;
  return code === 'key-invalid'
    ? `${REALM}, error="invalid_token"`
    : `${REALM}, error="insufficient_scope", scope="${scope}"`;
}

/** The caller of a method's request: `@CalledBy() caller: Caller | undefined`. */
export const CalledBy = createParamDecorator((_data: unknown, context: ExecutionContext): Caller | undefined => {
  return context.switchToHttp().getRequest<FastifyRequest>().caller;
});
