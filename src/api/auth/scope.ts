import { applyDecorators } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';
import type { Scope as KeyScope } from '../../keys/api-key.js';
import { AddRouteConfig, type RouteSettings } from '../http/route-config.js';

/** `none`: no key is asked for. `any`: a key of any scope. */
export type RouteScope = KeyScope | 'none' | 'any';

/** Where the OpenAPI document finds the scope of an operation. */
export const SCOPE = 'x-scope';

/** The scope that a key must have for a method. */
export function Scope(scope: KeyScope): MethodDecorator {
  return scoped(scope);
}

/** A method that is answered without a key: orchestrators have none. */
export function WithoutKey(): MethodDecorator {
  return scoped('none');
}

function scoped(scope: RouteScope): MethodDecorator {
  return applyDecorators(AddRouteConfig({ scope }), ApiExtension(SCOPE, scope));
}

/** The scope of a route; those that are not methods of a controller (the documentation, refusals) need any key. */
export function scopeOf(config: unknown): RouteScope {
  return ((config as RouteSettings | undefined)?.scope ?? 'any') as RouteScope;
}

/** Refuses to add a route of the API that says nothing about keys. To be called before the first route is added. */
export function demandScopes(server: FastifyInstance, isExempt: (url: string) => boolean): void {
  server.addHook('onRoute', ({ url, method, config }) => {
    if (isExempt(url) || (config as RouteSettings | undefined)?.scope !== undefined) return;
    throw new Error(`${String(method)} ${url} has neither @Scope nor @WithoutKey`);
  });
}
