/** The service with ROLE=worker and all its parts but the network, whose levels are ready: see `ReadyBackbone`. */
import { run } from '../../src/run.js';
import { ReadyBackbone } from './ready-backbone.js';

await run({ ROLE: 'worker' }, (options) => new ReadyBackbone(options));
