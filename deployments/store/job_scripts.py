"""What jobs do in Redis at once or not at all, as scripts. Keys and arguments are those of `deployments.store.jobs`."""

ROOM = """
if redis.call('ZCOUNT', KEYS[1], '(' .. ARGV[1], '+inf') >= tonumber(ARGV[2]) then return 'key' end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then return 'queue' end
return 'ok'
"""
CREATE = """
local now, ttl = tonumber(ARGV[1]), tonumber(ARGV[2])
if redis.call('EXISTS', KEYS[1]) == 1 then return 'ok' end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[4]) then return 'key' end
if redis.call('ZCARD', KEYS[5]) >= tonumber(ARGV[5]) then return 'queue' end
redis.call('HSET', KEYS[1], unpack(ARGV, 7))
redis.call('ZADD', KEYS[3], now + ttl, ARGV[3])
redis.call('ZADD', KEYS[4], now, ARGV[3])
redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -1 - tonumber(ARGV[6]))
redis.call('ZADD', KEYS[5], now, ARGV[3])
for _, key in ipairs({KEYS[1], KEYS[3], KEYS[4]}) do redis.call('EXPIRE', key, ttl) end
return 'ok'
"""
CLAIM = """
local now, id = tonumber(ARGV[1]), ARGV[3]
local status = redis.call('HGET', KEYS[1], 'status')
if status == 'running' and redis.call('HGET', KEYS[1], 'claim') == ARGV[5] then
  return redis.call('HGETALL', KEYS[1])
end
if status == 'running' then
  local lease = redis.call('ZSCORE', KEYS[6], id)
  if lease and tonumber(lease) > now then return false end
  redis.call('HINCRBY', KEYS[1], 'tries', 1)
elseif status ~= 'queued' then
  redis.call('ZREM', KEYS[5], id)
  redis.call('ZREM', KEYS[6], id)
  return false
end
redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSETNX', KEYS[1], 'started', now)
redis.call('HSET', KEYS[1], 'status', 'running', 'claim', ARGV[5])
redis.call('ZREM', KEYS[5], id)
redis.call('ZADD', KEYS[6], now + tonumber(ARGV[4]), id)
for i = 1, 4 do redis.call('EXPIRE', KEYS[i], ARGV[2]) end
return redis.call('HGETALL', KEYS[1])
"""
WRITE = """
local now, ttl, id = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then return 'gone' end
if epoch ~= ARGV[4] or redis.call('HGET', KEYS[1], 'status') ~= 'running' then return 'taken' end
local have, first, count = redis.call('LLEN', KEYS[2]), tonumber(ARGV[6]), tonumber(ARGV[7])
if first > have then return 'gone' end
for i = 1, count do
  if first + i > have then redis.call('RPUSH', KEYS[2], ARGV[7 + i]) end
end
redis.call('HSET', KEYS[1], 'changed', now, 'segments', redis.call('LLEN', KEYS[2]), unpack(ARGV, 8 + count))
redis.call('ZADD', KEYS[3], now + ttl, id)
redis.call('ZADD', KEYS[6], now + tonumber(ARGV[5]), id)
for i = 1, 4 do redis.call('EXPIRE', KEYS[i], ttl) end
return 'ok'
"""
KEEP = """
if redis.call('EXISTS', KEYS[1]) == 0 then return end
redis.call('ZADD', KEYS[3], 'XX', tonumber(ARGV[1]) + tonumber(ARGV[2]), ARGV[3])
for i = 1, 4 do redis.call('EXPIRE', KEYS[i], ARGV[2]) end
"""
MOVE = """
local now, ttl, id, to = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[5]
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return 'gone' end
if ARGV[4] ~= '' and redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[4] then return 'taken' end
if status == to then return 'ok' end
if not string.find(ARGV[6], status, 1, true) then return 'from ' .. status end
if ARGV[7] ~= '' then
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
  if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[7]) then return 'key' end
  if redis.call('ZCARD', KEYS[5]) >= tonumber(ARGV[8]) then return 'queue' end
end
redis.call('HSET', KEYS[1], 'status', to, 'changed', now, unpack(ARGV, 9))
redis.call('ZREM', KEYS[6], id)
if to == 'queued' then
  redis.call('ZADD', KEYS[5], redis.call('HGET', KEYS[1], 'created'), id)
  redis.call('ZADD', KEYS[3], now + ttl, id)
else
  redis.call('ZREM', KEYS[5], id)
  redis.call('ZREM', KEYS[3], id)
end
for i = 1, 4 do redis.call('EXPIRE', KEYS[i], ttl) end
return 'ok'
"""
REMOVE = """
redis.call('DEL', KEYS[1], KEYS[2])
for i = 3, 6 do redis.call('ZREM', KEYS[i], ARGV[1]) end
"""
READ = """
return {redis.call('HGETALL', KEYS[1]), redis.call('LRANGE', KEYS[2], ARGV[1], ARGV[2])}
"""
WAITING = """
local found = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1])
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do found[#found + 1] = id end
return found
"""
