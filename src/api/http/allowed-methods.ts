import type { FastifyInstance, FastifyReply } from 'fastify';
import { CairnError } from '../../errors.js';
import type { RouteSettings } from './route-config.js';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/**
 * Answers the wrong method on a known path with 405 and `Allow`. To be called before the first route is added; the
 * function that it returns is called after the last, before the server listens.
 */
export function refuseOtherMethods(
  server: FastifyInstance,
  answer: (error: CairnError, reply: FastifyReply) => void,
): () => void {
  const routes = new Map<string, Set<string>>();
  server.addHook('onRoute', ({ url, method }) => {
    const methods = routes.get(url) ?? new Set();
    for (const name of [method].flat()) methods.add(name);
    routes.set(url, methods);
  });
  return () => {
    for (const [url, allowed] of [...routes]) {
      const others = METHODS.filter((method) => !allowed.has(method));
      if (others.length === 0) continue;
      const allow = METHODS.filter((method) => allowed.has(method)).join(', ');
      // In the first hook, so that the body is not read.
      server.route({
        url,
        method: others,
        config: { scope: 'any' } satisfies RouteSettings,
        onRequest: (request, reply) => {
          void reply.header('allow', allow);
          answer(new CairnError('method-not-allowed', `${request.method} is not allowed here; ${allow} are.`), reply);
        },
        handler: () => undefined,
      });
    }
  };
}
