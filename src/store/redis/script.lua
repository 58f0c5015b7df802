-- Applies one step, or tells what is there; it knows no rule, and builds no key.
-- KEYS: the keys of the records, one for each, then every other key that is touched.
-- ARGV: when the decision was made by this server's clock, Unix milliseconds ('' if that does not matter), and how many
-- records there are. For each record: its field, if the key is a hash ('' if it is not), and what the decision saw there:
-- '?' if it did not look, '-' for nothing, '=' and the value. Then what is to be done: how many arguments, the command,
-- which key, the arguments.
-- Answer: 1 and the time if it was done. Else 0, the time, and each record's value, for the next decision.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local decided, records = tonumber(ARGV[1]), tonumber(ARGV[2])

local answer = { 0, now }
local holds = not decided or (decided <= now and decided >= now - 1000)
for i = 1, records do
  local field, seen, value = ARGV[2 * i + 1], ARGV[2 * i + 2], nil
  if field == '' then
    value = redis.call('GET', KEYS[i])
  else
    value = redis.call('HGET', KEYS[i], field)
  end
  answer[i + 2] = value
  if seen ~= (value and '=' .. value or '-') then holds = false end
end
if not holds then return answer end

local at = 2 * records + 3
while at <= #ARGV do
  local count = tonumber(ARGV[at])
  redis.call(ARGV[at + 1], KEYS[tonumber(ARGV[at + 2])], unpack(ARGV, at + 3, at + 2 + count))
  at = at + 3 + count
end
return { 1, now }
