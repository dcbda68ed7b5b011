// `npm run bench`: set up, then measure; see bench/main.ts.
import { fail, setup } from './setup.mjs';

try {
  await setup({ redis: false });
  await import('../dist/bench/main.js');
} catch (error) {
  fail(error);
}
