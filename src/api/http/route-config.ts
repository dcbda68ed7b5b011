import { RouteConfig } from '@nestjs/platform-fastify';
import { FASTIFY_ROUTE_CONFIG_METADATA } from '@nestjs/platform-fastify/constants.js';

/** What Fastify keeps of a route, for hooks. */
export interface RouteSettings {
  readonly opaqueBody?: boolean;
  readonly scope?: string;
}

/** Adds to the configuration of a route. NestJS's own decorator replaces it, so that only one of them would count. */
export function AddRouteConfig(settings: RouteSettings): MethodDecorator {
  return (target, key, descriptor) => {
    const known = Reflect.getMetadata(FASTIFY_ROUTE_CONFIG_METADATA, descriptor.value as object) as object | undefined;
    RouteConfig({ ...known, ...settings })(target, key, descriptor);
  };
}
