-- What an account has once: its token, its templates, and which buckets have messages to look for.
local function token_name()
  return stem .. 'token:' .. ask.mode .. ':' .. ask.host
end

-- A token: token, life, x when it expires, dead; asker, asks until; failures, failure, pause until.
local function write_token(row)
  keep(token_name(), row, math.max(row.x or 0, row.pause or 0, now) + DAY)
end

local function alive(row)
  if not row or not row.token or row.dead or row.x <= now then return nil end
  return { token = row.token, left = math.min(row.x - now, row.life), life = row.life }
end

local function token()
  return { ready = alive(read(token_name())) }
end

-- Whether this caller shall ask WeChat.
local function claim_token()
  local row = read(token_name()) or { failures = 0 }
  local good = alive(row)
  if good and good.left > ask.need then return { ready = good } end
  if (row.asks or 0) > now and row.asker ~= ask.holder then return { wait = row.asks - now } end
  if (row.pause or 0) > now then return { failure = row.failure, ms = row.pause - now } end
  row.asker, row.asks = ask.holder, now + ask.lease
  write_token(row)
  return { ask = true, dead = row.dead and row.token or nil, failures = row.failures }
end

local function put_token()
  write_token({ token = ask.token, life = ask.life, x = now + ask.life, failures = 0 })
  return {}
end

local function fail_token()
  local row = read(token_name())
  if row and row.asker == ask.holder then
    row.asks, row.failures, row.failure, row.pause = 0, row.failures + 1, ask.failure, now + ask.pause
    write_token(row)
  end
  return {}
end

local function release_token()
  local row = read(token_name())
  if row and row.asker == ask.holder then
    row.asks = 0
    write_token(row)
  end
  return {}
end

-- Marks this token, and no other, as dead.
local function kill_token()
  local row = read(token_name())
  if row and row.token == ask.token then
    row.dead = true
    write_token(row)
  end
  return {}
end

-- Takes one of the forced refreshes that WeChat allows, or says how long to wait.
local function force_token()
  local name, kept = stem .. 'forced', {}
  for _, at in ipairs(read(name) or {}) do
    if at <= now and at > now - DAY then kept[#kept + 1] = at end
  end
  table.sort(kept)
  local newest = kept[#kept]
  if newest and now - newest < ask.apart then return { ms = ask.apart - (now - newest) } end
  if #kept >= ask.per_day then return { ms = DAY - (now - kept[1]) } end
  kept[#kept + 1] = now
  keep(name, kept, now + DAY)
  return {}
end

local function templates()
  local row = read(stem .. 'templates')
  return row and { list = row.list, age = now - row.at } or {}
end

local function put_templates()
  redis.call('SET', stem .. 'templates', cjson.encode({ list = ask.list, at = now }))
  return {}
end

-- Which bucket has something to look for, and when: "next". It is written after the bucket itself, by whoever changed
-- that; "changes" tells whoever looks at a bucket meanwhile. What is missed since a process died between both is found by
-- the next sweep. "version" counts them all.
local function hint()
  local before = redis.call('ZSCORE', stem .. 'next', ask.bucket)
  local earlier = not before or tonumber(before) > ask.at
  -- Who only looks has changed nothing.
  if ask.quiet and not earlier then return {} end
  if earlier then redis.call('ZADD', stem .. 'next', ask.at, ask.bucket) end
  redis.call('HINCRBY', stem .. 'changes', ask.bucket, 1)
  redis.call('INCR', stem .. 'version')
  return {}
end

-- Once nothing is found before that time; unless somebody has said otherwise meanwhile.
local function looked()
  if (redis.call('HGET', stem .. 'changes', ask.bucket) or '0') ~= ask.changes then return {} end
  if ask.at then redis.call('ZADD', stem .. 'next', ask.at, ask.bucket) else redis.call('ZREM', stem .. 'next', ask.bucket) end
  return {}
end

-- The earliest time, and buckets in which something is due, each with its number of changes.
local function upcoming()
  local first = redis.call('ZRANGE', stem .. 'next', 0, 0, 'WITHSCORES')[2]
  local due = {}
  for i, bucket in ipairs(redis.call('ZRANGEBYSCORE', stem .. 'next', '-inf', now, 'LIMIT', 0, ask.most)) do
    due[i] = { bucket, redis.call('HGET', stem .. 'changes', bucket) or '0' }
  end
  return { ms = first and first - now or nil, due = #due > 0 and due or nil }
end

-- All buckets in which something waits.
local function buckets()
  local all = redis.call('ZRANGE', stem .. 'next', 0, -1)
  return { buckets = #all > 0 and all or nil }
end

-- The number of all changes, whether it is this caller's turn to look at all buckets, and the time.
local function version()
  local sweep = redis.call('SET', stem .. 'swept', '1', 'NX', 'PX', ask.every)
  return { version = tonumber(redis.call('GET', stem .. 'version') or 0), sweep = sweep and true or false, now = now }
end

-- A write, so that a server that takes none says so to whoever begins.
local function clock()
  redis.call('SET', stem .. 'opened', now, 'PX', HOUR)
  return { now = now }
end

local steps = {
  token = token, claim_token = claim_token, put_token = put_token, fail_token = fail_token, release_token = release_token,
  kill_token = kill_token, force_token = force_token, templates = templates, put_templates = put_templates,
  hint = hint, looked = looked, upcoming = upcoming, buckets = buckets, version = version,
  clock = clock,
}
return answer_with(steps[op]())
