/** Most entries that one step skips because the group's filter excludes them. */
const SKIP_AT_ONCE = 500;
/** More than any consumer holds. */
const HELD_AT_MOST = 1000;
/** A consumer that has not been seen for this long: its API process died without leaving the group. */
const FORGET_AFTER_MS = 600_000;
/** A group in which nothing was ever acknowledged is given up after this long without a consumer. */
const UNUSED_MS = 3600_000;

/** `stream`, `group` and `meta` (the group's hash) are locals of the surrounding script. */
const HELPERS = `
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function pendingOf(consumer, count)
  return redis.call('XPENDING', stream, group, '-', '+', count, consumer)
end
local function pendingEntry(id)
  return redis.call('XPENDING', stream, group, id, id, 1)[1]
end
-- Deletes a consumer that has neither a connection nor sets. Deleting one with sets would lose them.
local function tidy(consumer)
  if redis.call('HEXISTS', meta, 'owner:' .. consumer) == 0 and #pendingOf(consumer, 1) == 0 then
    redis.call('XGROUP', 'DELCONSUMER', stream, group, consumer)
  end
end
`;

const head = (args: string) => `
local stream, trimmed, meta = KEYS[1], KEYS[2], KEYS[3]
local ${args} = unpack(ARGV)
${HELPERS}`;

/** Returns `ok`, `many` (the limit of groups is reached) or `conflict` with the group's filter. */
export const openGroup = `${head('group, consumer, token, filter, from, most')}
if from == '0' then from = redis.call('GET', trimmed) or '0-0' end
local created = redis.pcall('XGROUP', 'CREATE', stream, group, from, 'MKSTREAM')
if created.err then
  if not string.find(created.err, 'BUSYGROUP') then return created end
  local known = redis.call('HGET', meta, 'filter')
  if known and filter ~= '' and filter ~= known then return {'conflict', known} end
else
  if #redis.call('XINFO', 'GROUPS', stream) > tonumber(most) then
    redis.call('XGROUP', 'DESTROY', stream, group)
    return {'many'}
  end
  redis.call('DEL', meta)
  redis.call('HSET', meta, 'createdAt', now())
end
if filter == '' then filter = '{"models":[],"batches":[]}' end
redis.call('HSETNX', meta, 'filter', filter)
local fields = redis.call('HGETALL', meta)
for i = 1, #fields, 2 do
  local other = string.match(fields[i], '^seen:(.+)$')
  if other and now() - fields[i + 1] > ${FORGET_AFTER_MS} then
    redis.call('HDEL', meta, 'owner:' .. other, 'seen:' .. other)
    tidy(other)
  end
end
redis.call('HSET', meta, 'owner:' .. consumer, token, 'seen:' .. consumer, now())
return {'ok'}
`;

/**
 * Delivers to a connection: first its consumer's sets that this connection does not hold, then sets that other consumers
 * have held for too long, then new ones. A set that the connection itself has held for too long is redelivered to it after
 * twice the time: until then other consumers may take it. Returns -1 where there is no such group, 0 where another
 * connection has the consumer's name, or `[[id, fields, delivery]…], ids still held, full, more, missedUntil, lost`.
 */
export const takeSets = `${head('group, consumer, token, prefetch, limit, only')}
prefetch, limit = tonumber(prefetch), tonumber(limit)
local filter = redis.call('HGET', meta, 'filter')
if not filter then return -1 end
filter = cjson.decode(filter)
local owner = redis.call('HGET', meta, 'owner:' .. consumer)
if owner and owner ~= token then return 0 end
redis.call('HSET', meta, 'owner:' .. consumer, token, 'seen:' .. consumer, now())

local held, still, again, free = {}, {}, {}, prefetch
for i = 7, #ARGV do held[ARGV[i]] = true end
for _, entry in ipairs(pendingOf(consumer, ${HELD_AT_MOST})) do
  if not held[entry[1]] then
    again[#again + 1] = entry
  else
    still[#still + 1] = entry[1]
    if entry[3] < 2 * limit then free = free - 1 end
  end
end

local sets, lost = {}, 0
local function deliver(entry)
  local claimed = redis.call('XCLAIM', stream, group, consumer, 0, entry[1])[1]
  if claimed and claimed[2] then
    sets[#sets + 1] = {entry[1], claimed[2], entry[4] + 1}
    free = free - 1
  else
    redis.call('XACK', stream, group, entry[1])
    lost = lost + 1
  end
  if entry[2] ~= consumer then tidy(entry[2]) end
end
for _, entry in ipairs(again) do
  if free <= 0 then break end
  deliver(entry)
end
if free > 0 then
  for _, entry in ipairs(redis.call('XPENDING', stream, group, 'IDLE', limit, '-', '+', free + #still)) do
    if free <= 0 then break end
    if entry[2] ~= consumer or entry[3] >= 2 * limit then deliver(entry) end
  end
end

local function before(a, b)
  local at, an = string.match(a, '(%d+)-(%d+)')
  local bt, bn = string.match(b, '(%d+)-(%d+)')
  if at ~= bt then return tonumber(at) < tonumber(bt) end
  return tonumber(an) < tonumber(bn)
end
local missed = ''
local dropped = free > 0 and redis.call('GET', trimmed)
if dropped then
  for _, info in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local fields = {}
    for i = 1, #info, 2 do fields[info[i]] = info[i + 1] end
    if fields.name == group and before(fields['last-delivered-id'], dropped) then
      redis.call('XGROUP', 'SETID', stream, group, dropped)
      missed = dropped
    end
  end
end

local function any(list, value)
  if #list == 0 then return true end
  for _, wanted in ipairs(list) do if wanted == value then return true end end
  return false
end
local skipped = 0
while free > 0 and skipped < ${SKIP_AT_ONCE} do
  local reply = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', free, 'STREAMS', stream, '>')
  if not reply then break end
  for _, entry in ipairs(reply[1][2]) do
    local fields = {}
    for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
    local visible = only == '' or fields.owner == only
    if visible and any(filter.models, fields.model) and any(filter.batches, fields.batch) then
      sets[#sets + 1] = {entry[1], entry[2], 1}
      free = free - 1
    else
      redis.call('XACK', stream, group, entry[1])
      skipped = skipped + 1
    end
  end
end
return {sets, still, free <= 0 and 1 or 0, skipped >= ${SKIP_AT_ONCE} and 1 or 0, missed, lost}
`;

/** A connection has ended; its consumer is kept while it holds sets. */
export const leaveGroup = `${head('group, consumer, token')}
if redis.call('HGET', meta, 'owner:' .. consumer) ~= token then return 0 end
redis.call('HDEL', meta, 'owner:' .. consumer, 'seen:' .. consumer)
redis.call('HSET', meta, 'leftAt', now())
tidy(consumer)
return 1
`;

/** Returns how many sets were still unacknowledged, or -1 where there is no such group. */
export const acknowledgeSets = `${head('group')}
if redis.call('HEXISTS', meta, 'filter') == 0 then return -1 end
local count = 0
for i = 2, #ARGV do
  local entry = pendingEntry(ARGV[i])
  if entry then
    count = count + redis.call('XACK', stream, group, ARGV[i])
    tidy(entry[2])
  end
end
if count > 0 then redis.call('HSET', meta, 'used', 1) end
return count
`;

/** Restarts the time limit of the consumer's sets. Returns the ids that it still holds, or -1 where there is no such group. */
export const extendSets = `${head('group, consumer')}
if redis.call('HEXISTS', meta, 'filter') == 0 then return -1 end
local kept = {}
for i = 3, #ARGV do
  local entry = pendingEntry(ARGV[i])
  if entry and entry[2] == consumer then
    redis.call('XCLAIM', stream, group, consumer, 0, ARGV[i], 'IDLE', 0, 'JUSTID')
    kept[#kept + 1] = ARGV[i]
  end
end
return kept
`;

/** Returns -1 where there was no such group. */
export const removeGroup = `${head('group')}
local known = redis.call('DEL', meta)
local destroyed = redis.pcall('XGROUP', 'DESTROY', stream, group)
return (known == 1 or destroyed == 1) and 1 or -1
`;

/** Removes a group that has had no consumer for `idle` ms, or nothing to show for an hour; returns whether it did. */
export const removeIdleGroup = `${head('group, idle')}
local last = 0
local fields = redis.call('HGETALL', meta)
for i = 1, #fields, 2 do
  local name = fields[i]
  if name == 'createdAt' or name == 'leftAt' or string.match(name, '^seen:') then
    last = math.max(last, tonumber(fields[i + 1]))
  end
end
if redis.call('HEXISTS', meta, 'used') == 0 then idle = math.min(idle, ${UNUSED_MS}) end
if last == 0 or now() - last < tonumber(idle) then return 0 end
redis.call('DEL', meta)
return redis.call('XGROUP', 'DESTROY', stream, group)
`;
