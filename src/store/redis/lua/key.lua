-- Keys: what was done once is not done again. A record: t template, h holder, u until when the send runs, x when it is
-- forgotten, v verdict (and e: it had an effect, r: what was left, g: the caller's number), d: its process ended before
-- the verdict.
local function name_of(scope, openid, key, slot)
  return stem .. scope .. ':' .. openid .. '\0' .. key .. (slot and '\0' .. slot or '')
end

local function read_key(name)
  local entry = read(name)
  return entry and entry.x > now and entry or nil
end

local function runs_for(entry)
  return not entry.v and not entry.d and entry.u > now and entry.u - now or nil
end

local function told(entry)
  return entry.v and { v = entry.v, r = entry.r, t = entry.t, g = entry.g } or { dead = entry.t }
end

-- What stops a send, or a message that is to be stored; nil when it may go on.
local function stopped_by(openid, template, key)
  local name = name_of('send', openid, key)
  local entry = read_key(name)
  if not entry or entry.v and not entry.e then return nil end
  if entry.t ~= template then return { other = entry.t } end
  local ms = runs_for(entry)
  if ms then return { busy = ms } end
  if not entry.v and not entry.d then
    entry.d, entry.x = true, now + DAY
    keep(name, entry, entry.x)
  end
  return { before = told(entry) }
end

-- The same for those who only look: also what had no effect.
local function seen(openid, key)
  local entry = read_key(name_of('send', openid, key))
  if not entry then return nil end
  local ms = runs_for(entry)
  return ms and { busy = ms } or { before = told(entry), effect = entry.e or not entry.v }
end

local function mark_running(openid, template, key, holder, lease)
  local over = now + lease
  keep(name_of('send', openid, key), { t = template, h = holder, u = over, x = over + DAY }, over + DAY)
end

-- Keeps the verdict of the send that marked the key, also when somebody found it dead meanwhile.
local function mark_done(openid, key, holder, verdict, left)
  local name = name_of('send', openid, key)
  local entry = read(name)
  if entry and entry.h == holder then
    local done = { t = entry.t, h = holder, v = verdict.v, e = verdict.e, r = left, x = now + DAY }
    keep(name, done, done.x)
  end
end

local function mark_dead(openid, key)
  local name = name_of('send', openid, key)
  local entry = read(name)
  if entry then
    entry.v, entry.d, entry.x = nil, true, now + DAY
    keep(name, entry, entry.x)
  end
end

local function forget_send(openid, key)
  redis.call('DEL', name_of('send', openid, key))
end

-- Keeps the end of a message that was not sent, unless another call with the key runs or had an effect.
local function remember_end(openid, key, template, verdict, tag)
  local before = seen(openid, key)
  if before and (before.busy or before.effect) then return end
  local entry = { t = template, h = '0', v = verdict.v, e = verdict.e, d = verdict.d, g = tag, x = now + DAY }
  keep(name_of('send', openid, key), entry, entry.x)
end
