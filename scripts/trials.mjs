// `npm run chaos`, `fuzz`, `soak`, `attacks`: set up, then run one of trials/; see trials/main.ts.
//
//     node scripts/trials.mjs SUITE [OPTIONS]
import { fail, setup } from './setup.mjs';

try {
  await setup({ redis: 'own' });
  await import('../dist/trials/main.js');
} catch (error) {
  fail(error);
}
