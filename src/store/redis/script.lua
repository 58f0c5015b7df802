-- Applies one step, or tells what is there; it knows no rule, and builds no key.
-- KEYS: the keys of the records, one for each, then every other key that is touched.
-- ARGV: when the decision was made by this server's clock, Unix milliseconds ('' if that does not matter), and how many
-- records there are. For each record: its field, if the key is a hash ('' if it is not), and what the decision saw there:
-- '?' if it did not look, '-' for nothing, '=' and the value. Then what is to be done: how many arguments, the command,
-- which key, the arguments. UNLOG takes entries out of a stream: between these times, whose text begins like this. XADDOLD
-- adds an entry of another time, first of all; where the stream has it already, or a newer one, it is passed over. LENGTHEN
-- is a PEXPIRE that shortens no life.
-- Answer: 1 and the time if it was done. Else 0, the time, and each record's value, for the next decision. An error names the
-- command that was refused; it begins with PARTLY if something was written before.
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

-- Some servers want each key spelled as one of KEYS.
local reads, wrote, failure = { XRANGE = true, XREVRANGE = true, PTTL = true }, false, nil
local function try(command, key, ...)
  local said = redis.pcall(command, KEYS[key], ...)
  if type(said) == 'table' and said.err then
    failure = { err = (wrote and 'PARTLY ' or '') .. said.err .. ' at ' .. command }
    return {}
  end
  wrote = wrote or not reads[command]
  return said
end

local at = 2 * records + 3
while at <= #ARGV and not failure do
  local count, command, key = tonumber(ARGV[at]), ARGV[at + 1], tonumber(ARGV[at + 2])
  if command == 'UNLOG' then
    local beginning = ARGV[at + 5]
    for _, entry in ipairs(try('XRANGE', key, ARGV[at + 3], ARGV[at + 4])) do
      if string.sub(entry[2][2], 1, #beginning) == beginning then try('XDEL', key, entry[1]) end
    end
  elseif command == 'XADDOLD' then
    local made, last = ARGV[at + 3], try('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
    local ms, number = string.match(last and last[1] or '0-0', '(%d+)-(%d+)')
    local id = made .. '-' .. (ms == made and number + 1 or 0)
    if not failure and not (ms == made and last[2][2] == ARGV[at + 8]) then
      try('XADD', key, ARGV[at + 4], ARGV[at + 5], ARGV[at + 6], id, ARGV[at + 7], ARGV[at + 8])
      if failure and string.find(failure.err, 'equal or smaller') then failure = nil end
    end
  elseif command == 'LENGTHEN' then
    local left = try('PTTL', key)
    if not failure and left < tonumber(ARGV[at + 3]) then try('PEXPIRE', key, ARGV[at + 3]) end
  else
    try(command, key, unpack(ARGV, at + 3, at + 2 + count))
  end
  at = at + 3 + count
end
return failure or { 1, now }
