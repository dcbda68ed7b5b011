/** KEYS: batch. ARGV: fields and values. Returns whether the batch is new. */
export const createBatch = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV))
return 1`;

/**
 * KEYS: batch, recorded (one bit per line), results. ARGV: the time, seconds to live once finished, then six per outcome: line,
 * name, state, features, code, message. An outcome counts once however often it is recorded, and not at all when the batch has
 * failed as a whole: its lines are counted already. Returns how many were new.
 */
export const recordOutcomes = `
local total = redis.call('HGET', KEYS[1], 'total')
if not total or redis.call('HEXISTS', KEYS[1], 'finishedAt') == 1 then return 0 end
local new = 0
for i = 3, #ARGV, 6 do
  if redis.call('SETBIT', KEYS[2], ARGV[i], 1) == 0 then
    redis.call('XADD', KEYS[3], '*', 'line', ARGV[i], 'name', ARGV[i + 1], 'state', ARGV[i + 2],
      'features', ARGV[i + 3], 'code', ARGV[i + 4], 'message', ARGV[i + 5])
    redis.call('HINCRBY', KEYS[1], ARGV[i + 2], 1)
    new = new + 1
  end
end
if new > 0 then
  local ended = 0
  for _, count in ipairs(redis.call('HMGET', KEYS[1], 'completed', 'failed', 'cancelled')) do
    ended = ended + tonumber(count or 0)
  end
  if ended >= tonumber(total) then
    if redis.call('HGET', KEYS[1], 'state') == 'running' then redis.call('HSET', KEYS[1], 'state', 'completed') end
    redis.call('HSET', KEYS[1], 'finishedAt', ARGV[1])
    for i = 1, 3 do redis.call('EXPIRE', KEYS[i], ARGV[2]) end
  end
end
return new`;

/** KEYS: batch. Returns the state before; a finished batch stays as it is. */
export const cancelBatch = `
local before = redis.call('HGET', KEYS[1], 'state')
if before == 'running' then redis.call('HSET', KEYS[1], 'state', 'cancelled') end
return before`;

/**
 * KEYS: batch, recorded, results. ARGV: the time, seconds to live. For a batch whose manifest is gone: lines without an outcome
 * have failed, or are cancelled where the batch is.
 */
export const failBatch = `
if redis.call('HEXISTS', KEYS[1], 'total') == 0 or redis.call('HEXISTS', KEYS[1], 'finishedAt') == 1 then return 0 end
local counts = redis.call('HMGET', KEYS[1], 'total', 'completed', 'failed', 'cancelled')
for i = 1, 4 do counts[i] = tonumber(counts[i] or 0) end
local left = counts[1] - counts[2] - counts[3] - counts[4]
local running = redis.call('HGET', KEYS[1], 'state') == 'running'
redis.call('HINCRBY', KEYS[1], running and 'failed' or 'cancelled', left)
redis.call('HSET', KEYS[1], 'finishedAt', ARGV[1])
if running then redis.call('HSET', KEYS[1], 'state', 'completed') end
for i = 1, 3 do redis.call('EXPIRE', KEYS[i], ARGV[2]) end
return 1`;

/**
 * KEYS: results. ARGV: milliseconds to look back, most entries to look at. Returns how many outcomes there were, how many of
 * them completed, and the milliseconds they span. The ids of a stream are times by Redis's own clock.
 */
export const recentOutcomes = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local since = string.format('%.0f', now - tonumber(ARGV[1]))
local entries = redis.call('XREVRANGE', KEYS[1], '+', since, 'COUNT', ARGV[2])
local completed = 0
for _, entry in ipairs(entries) do
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'state' and entry[2][i + 1] == 'completed' then completed = completed + 1 end
  end
end
local span = 0
if #entries > 0 then span = now - tonumber(string.match(entries[#entries][1], '^%d+')) end
return { #entries, completed, span }`;
