// `npm run --silent cairn -- …`: the command line in a checkout, set up on first use. Everything that setup has
// to say goes to stderr; stdout belongs to the command.
import { fail, setup } from './setup.mjs';

try {
  await setup({ redis: false });
  await import('../dist/src/cli/cairn.js');
} catch (error) {
  fail(error);
}
