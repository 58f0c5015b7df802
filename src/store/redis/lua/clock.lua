-- What every script begins with. KEYS[1] is "<prefix>:{<hash tag>}:<something>"; all other keys are named after it, so
-- that a script stays in one slot. ARGV[1]: what to do. ARGV[2]: the rest, as JSON.
-- Numbers of 64 bits (holders, tags, msgids) are strings throughout: Lua's own have 53.
local SECOND, HOUR, DAY = 1000, 3600000, 86400000
local op, ask = ARGV[1], cjson.decode(ARGV[2])
local stem = string.match(KEYS[1], '^(.*}:)')
local time = redis.call('TIME')
-- Unix milliseconds by the server's clock, the only one that all machines share; tests have one of their own.
local now = ask.now or time[1] * 1000 + math.floor(time[2] / 1000)

-- A call whose answer was lost is made again: what must not happen twice keeps its answer for a while.
if ask.once then
  local said = redis.call('GET', stem .. 'once:' .. ask.once)
  if said then
    -- A write, so that whoever asks behind it whether all is on disk gets the answer for the first call, too.
    redis.call('PEXPIRE', stem .. 'once:' .. ask.once, ask.once_ms)
    return said
  end
end

local function answer_with(answer)
  local text = cjson.encode(answer)
  if ask.once then redis.call('SET', stem .. 'once:' .. ask.once, text, 'PX', ask.once_ms) end
  return text
end

-- Keeps a record until a time, at least a moment.
local function keep(name, record, until_ms)
  redis.call('SET', name, cjson.encode(record), 'PX', string.format('%.0f', math.max(until_ms - now, SECOND)))
end

local function read(name)
  local text = redis.call('GET', name)
  return text and cjson.decode(text)
end
