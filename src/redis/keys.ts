/**
 * Every Redis key of ours, and the prefix of BullMQ's. All derive from one prefix: with a hash tag in it, such as `{cairn}`,
 * all keys lie in one slot of a Redis Cluster, as scripts and transactions require.
 */
export function redisKeys(prefix: string) {
  const stream = `${prefix}:announcements`;
  return {
    /** BullMQ's prefix; its own keys are made by `queue.toKey`. */
    prefix,
    /** Marks a job or a batch as cancelled. */
    cancelled: (id: string) => `${prefix}:cancelled:${id}`,
    /** The channel on which workers receive the ids of cancelled jobs and batches. */
    cancelChannel: `${prefix}:cancel`,
    batch: (id: string) => {
      const hash = `${prefix}:batch:${id}`;
      /** `recorded` has one bit per line, `results` is a stream. */
      return { hash, recorded: `${hash}:recorded`, results: `${hash}:results` };
    },
    announcements: {
      stream,
      /** The newest id that was trimmed off the stream. */
      trimmed: `${stream}:trimmed`,
      /** A hash: what Redis itself does not keep of a consumer group. */
      group: (name: string) => `${stream}:group:${name}`,
    },
  };
}
export type RedisKeys = ReturnType<typeof redisKeys>;
