import { run } from './run.js';
import { asCairnError } from './errors.js';

try {
  await run();
} catch (error) {
  const { code, message } = asCairnError(error);
  console.error(`cairn: ${message} [${code}]`);
  process.exit(1);
}
