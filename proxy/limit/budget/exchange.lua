-- One proxy's portion of one limit per second.
-- KEYS[1]: a hash with a field for each proxy: "lease want until"
-- ARGV: this proxy, the limit, what it wants, what it has, for how many ms a lease holds, the reserve as a part of the limit
local me, total, want, has, ttl, reserve = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local all = redis.call('HGETALL', KEYS[1])
local wants, leased, known = {want}, 0, false
for i = 1, #all, 2 do
  local lease, wanted, till = string.match(all[i + 1], '^(%S+) (%S+) (%S+)$')
  if tonumber(till) < now then
    redis.call('HDEL', KEYS[1], all[i])
  elseif all[i] == me then
    known = true
  else
    wants[#wants + 1] = tonumber(wanted)
    leased = leased + tonumber(lease)
  end
end
table.sort(wants)
-- Small wants are met, the rest is divided among the others; what is left over is spread.
local left, level = total * (1 - reserve), nil
for i = 1, #wants do
  local even = left / (#wants - i + 1)
  if wants[i] > even then
    level = even
    break
  end
  left = left - wants[i]
end
local lease
if level then
  lease = math.min(want, level)
else
  lease = want + left / #wants
end
if known then
  lease = math.min(lease, total * (1 - reserve) - leased)
else
  lease = math.min(lease, total - leased)
  if has > 0 then
    lease = math.min(lease, has)
  end
end
lease = math.max(lease, 0)
redis.call('HSET', KEYS[1], me, string.format('%.6f %.6f %.0f', lease, want, now + ttl))
redis.call('PEXPIRE', KEYS[1], ttl * 2)
return string.format('%.6f', lease)
