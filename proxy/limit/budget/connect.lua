-- How many connections one proxy has, if all together are not more than the limit.
-- KEYS[1]: a hash with a field for each proxy: "connections until"
-- ARGV: this proxy, how many it has with the new one, the limit, for how many ms the count holds, 1 when it has them in any case
local me, held, most, ttl, sure = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5] == '1'
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local all = redis.call('HGETALL', KEYS[1])
local others = 0
for i = 1, #all, 2 do
  local n, till = string.match(all[i + 1], '^(%S+) (%S+)$')
  if tonumber(till) < now then
    redis.call('HDEL', KEYS[1], all[i])
  elseif all[i] ~= me then
    others = others + tonumber(n)
  end
end
if others + held > most and not sure then
  return 0
end
redis.call('HSET', KEYS[1], me, string.format('%.0f %.0f', held, now + ttl))
redis.call('PEXPIRE', KEYS[1], ttl * 2)
return 1
