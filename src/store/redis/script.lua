-- Applies one step, or tells what is there; it knows no rule, and builds no key.
-- KEYS: the keys of the records, one for each, then every other key that is touched.
-- ARGV: when the decision was made by this server's clock, Unix milliseconds ('' if that does not matter), and how many
-- records there are. For each record: its field, if the key is a hash ('' if it is not), and what the decision saw there:
-- '?' if it did not look, '-' for nothing, '=' and the value. Then what is to be done: how many arguments, the command,
-- which key, the arguments. UNLOG takes entries out of a stream: between these times, whose text begins like this. XADDOLD
-- adds an entry of another time, first of all; where the stream has it already, or a newer one, it is passed over. LENGTHEN
-- is a PEXPIRE that shortens no life.
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
  local count, command, key = tonumber(ARGV[at]), ARGV[at + 1], tonumber(ARGV[at + 2])
  if command == 'UNLOG' then
    local beginning = ARGV[at + 5]
    for _, entry in ipairs(redis.call('XRANGE', KEYS[key], ARGV[at + 3], ARGV[at + 4])) do
      if string.sub(entry[2][2], 1, #beginning) == beginning then redis.call('XDEL', KEYS[key], entry[1]) end
    end
  elseif command == 'XADDOLD' then
    local made, last = ARGV[at + 3], redis.call('XREVRANGE', KEYS[key], '+', '-', 'COUNT', 1)[1]
    local ms, number = string.match(last and last[1] or '0-0', '(%d+)-(%d+)')
    local id = made .. '-' .. (ms == made and number + 1 or 0)
    if not (ms == made and last[2][2] == ARGV[at + 8]) then
      local done = redis.pcall('XADD', KEYS[key], ARGV[at + 4], ARGV[at + 5], ARGV[at + 6], id, ARGV[at + 7], ARGV[at + 8])
      if type(done) == 'table' and done.err and not string.find(done.err, 'equal or smaller') then return done end
    end
  elseif command == 'LENGTHEN' then
    if redis.call('PTTL', KEYS[key]) < tonumber(ARGV[at + 3]) then redis.call('PEXPIRE', KEYS[key], ARGV[at + 3]) end
  else
    redis.call(command, KEYS[key], unpack(ARGV, at + 3, at + 2 + count))
  end
  at = at + 3 + count
end
return { 1, now }
