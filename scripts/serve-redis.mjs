// A private Redis for programs in other languages: prints its URL and runs until standard input ends.
//
//     node scripts/serve-redis.mjs
import { once } from 'node:events';

import { onSignals } from './process/signals.mjs';
import { findRedisServer, startPrivateRedis } from './redis.mjs';

await findRedisServer({ own: true });
const redis = await startPrivateRedis();
onSignals(() => process.stdin.destroy());
console.log(redis.url);
process.stdin.resume();
await once(process.stdin, 'close');
await redis.stop();
