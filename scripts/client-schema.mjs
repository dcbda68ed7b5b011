/** Writes src/client/api-schema.ts from the OpenAPI document of the build in dist/. */
import { writeFile } from 'node:fs/promises';
import { clientSchema, SCHEMA_FILE } from './client/schema.mjs';

await writeFile(SCHEMA_FILE, await clientSchema());
