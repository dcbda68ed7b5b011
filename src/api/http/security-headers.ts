import type { FastifyInstance } from 'fastify';

/** Answers are data: a browser that shows one loads nothing for it. */
const DATA_POLICY = "default-src 'none'; frame-ancestors 'none'";
/** The page of the documentation has its own scripts and styles only; Swagger UI sets styles on elements. */
const DOCS_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/**
 * Set here and not by `@fastify/helmet`: answers to paths that the router refuses reach no hook of a plugin. What helmet adds
 * beyond these is for pages with scripts of others, and for TLS, which is the proxy's.
 */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': DATA_POLICY,
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** Tells browsers to keep answers to what they are, and out of other sites' pages. */
export function addSecurityHeaders(server: FastifyInstance, docs: string): void {
  server.addHook('onRequest', (request, reply, done) => {
    void reply.headers(SECURITY_HEADERS);
    const { url = '' } = request.routeOptions;
    if (url === docs || url.startsWith(`${docs}/`)) void reply.header('content-security-policy', DOCS_POLICY);
    done();
  });
}
