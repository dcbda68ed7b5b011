import type { OpenAPIObject } from '@nestjs/swagger';

export const SCHEMA_FILE: string;
export function openApiDocument(): Promise<OpenAPIObject>;
export function clientSchema(): Promise<string>;
