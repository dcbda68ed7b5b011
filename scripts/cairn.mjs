// `npm run --silent cairn -- …`: the command line in a checkout, set up on first use. Setup reports on stderr: stdout
// belongs to the command.
import { fail, setup } from './setup.mjs';

try {
  await setup({ redis: false });
  // npm changes to the repository's root; relative paths are meant from where the command was typed.
  if (process.env.INIT_CWD) process.chdir(process.env.INIT_CWD);
  await import('../dist/src/cli/cairn.js');
} catch (error) {
  fail(error);
}
