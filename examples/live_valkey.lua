-- Add and remove origins, all at once, and tell the workers of live_valkey.py what changed:
--     valkey-cli --eval examples/live_valkey.lua origins origins:version , +https://new.example -https://left.example
-- Without any origin, it only moves the version: that makes an empty set a valid one.
for _, change in ipairs(ARGV) do
    local command = change:sub(1, 1) == '+' and 'SADD' or 'SREM'
    redis.call(command, KEYS[1], change:sub(2))
end
local version = redis.call('INCR', KEYS[2])
redis.call('PUBLISH', KEYS[1], version .. ' ' .. table.concat(ARGV, ' '))
return version
