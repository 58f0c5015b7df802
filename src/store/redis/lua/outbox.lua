-- Messages that wait. A record: id, o openid, t template, k key, g tag, resend, due, expires, state (0 waits, 1 claimed,
-- 2 being sent), h holder, u until, tries, why, sender (the holder of its last send), v verdict that an event told later
-- (and r, or dead), maybe: an earlier try was maybe taken. Its letter is a key of its own, since it never changes.
-- Those that wait are in "due", by their time; those in hand in "hand", by the end of their lease; "busy" counts those of
-- a player that are in hand. The others of such a player are "parked" when they are met, and one comes back when one ends.
local CLAIMED, SENDING = 1, 2
-- Rows that one claim looks at, at most.
local LOOKS, AT_ONCE = 8, 64

local function id_text(id)
  return string.format('%012d', id)
end

local function message_name(id)
  return stem .. 'message:' .. id
end

local function named(openid, key)
  return stem .. 'named:' .. openid .. '\0' .. key
end

local function read_message(id)
  return read(message_name(id))
end

local function write_message(m)
  redis.call('SET', message_name(m.id), cjson.encode(m))
end

local function find_message(openid, key)
  local id = redis.call('GET', named(openid, key))
  return id and read_message(id)
end

local function unpark(openid)
  local name = stem .. 'parked:' .. openid
  local first = redis.call('ZRANGE', name, 0, 0, 'WITHSCORES')
  if first[1] then
    redis.call('ZREM', name, first[1])
    redis.call('ZADD', stem .. 'due', first[2], first[1])
  end
end

-- Out of whatever list it is in.
local function lift(m)
  if m.state > 0 then
    redis.call('ZREM', stem .. 'hand', m.id)
    if redis.call('HINCRBY', stem .. 'busy', m.o, -1) <= 0 then redis.call('HDEL', stem .. 'busy', m.o) end
  elseif redis.call('ZREM', stem .. 'due', m.id) == 0 then
    redis.call('ZREM', stem .. 'parked:' .. m.o, m.id)
  end
end

local function take_in_hand(m, state, holder, until_ms)
  if m.state == 0 then
    lift(m)
    redis.call('HINCRBY', stem .. 'busy', m.o, 1)
  end
  m.state, m.h, m.u = state, holder, until_ms
  redis.call('ZADD', stem .. 'hand', until_ms, m.id)
  write_message(m)
end

local function let_wait(m)
  lift(m)
  m.state, m.h, m.u = 0, '0', 0
  redis.call('ZADD', stem .. 'due', m.due, m.id)
  write_message(m)
  unpark(m.o)
end

local function drop(m)
  lift(m)
  redis.call('DEL', message_name(m.id), stem .. 'letter:' .. m.id)
  if m.k then redis.call('DEL', named(m.o, m.k)) end
  if m.sender then redis.call('DEL', stem .. 'sender:' .. m.sender) end
  redis.call('DECR', stem .. 'waiting')
  unpark(m.o)
end

-- When something of this bucket's may have to be done next, Unix milliseconds.
local function next_at()
  local due = redis.call('ZRANGE', stem .. 'due', 0, 0, 'WITHSCORES')[2]
  local lease = redis.call('ZRANGE', stem .. 'hand', 0, 0, 'WITHSCORES')[2]
  if due and lease then return math.min(tonumber(due), tonumber(lease)) end
  return tonumber(due or lease)
end

local function fill(m)
  m.t, m.g, m.resend, m.due, m.expires = ask.template, ask.tag, ask.resend, ask.due, ask.expires
  redis.call('SET', stem .. 'letter:' .. m.id, ask.letter)
end

-- Lets a message wait, once per key.
local function put()
  local m = ask.key and find_message(ask.openid, ask.key)
  if m and not ask.replace then
    return m.t == ask.template and { put = 'kept' } or { put = 'other', other = m.t }
  end
  if m and m.state == SENDING then return { put = 'sending', ms = math.max(m.u - now, 1) } end
  if m then
    if m.sender then redis.call('DEL', stem .. 'sender:' .. m.sender) end
    fill(m)
    m.tries, m.why, m.maybe, m.sender, m.v, m.r, m.dead = 0, '', false, nil, nil, nil, nil
    let_wait(m)
    return { put = 'replaced', next = next_at() }
  end
  local stop = ask.key and stopped_by(ask.openid, ask.template, ask.key)
  if stop and stop.before then return { put = 'before', before = stop.before } end
  if stop and stop.busy then return { put = 'sending', ms = stop.busy } end
  if stop then return { put = 'other', other = stop.other } end
  m = { id = id_text(redis.call('INCR', stem .. 'last_id')), o = ask.openid, k = ask.key }
  m.state, m.h, m.u, m.tries, m.why, m.maybe = 0, '0', 0, 0, '', false
  fill(m)
  if m.k then redis.call('SET', named(m.o, m.k), m.id) end
  redis.call('INCR', stem .. 'waiting')
  redis.call('ZADD', stem .. 'due', m.due, m.id)
  write_message(m)
  return { put = 'new', next = next_at() }
end

local function shown(m)
  return {
    id = m.id, openid = m.o, template = m.t, key = m.k, expires = m.expires, tries = m.tries, why = m.why,
    maybe = m.maybe, letter = redis.call('GET', stem .. 'letter:' .. m.id) or '',
  }
end

-- Those whose lease is over: a claim goes back, a send has maybe happened.
local function take_over(most)
  local ended = {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', stem .. 'hand', '-inf', now, 'LIMIT', 0, LOOKS * AT_ONCE)) do
    local m = read_message(id)
    if not m then
      redis.call('ZREM', stem .. 'hand', id)
    elseif m.state == CLAIMED then
      let_wait(m)
    elseif #ended < most then
      if m.resend and not m.v and not m.dead then
        if m.k then forget_send(m.o, m.k) end
        m.tries, m.maybe, m.why = m.tries + 1, true, 'the process that sent it ended before the verdict'
        let_wait(m)
      else
        local verdict = m.v and { v = m.v, r = m.r } or { dead = m.t }
        if m.k and not m.v and not m.dead then mark_dead(m.o, m.k) end
        ended[#ended + 1] = { message = shown(m), verdict = verdict }
        drop(m)
      end
    end
  end
  return ended
end

-- Takes messages that are due, the oldest first, one of each player.
local function claim()
  local ended = take_over(ask.most)
  local messages, most = {}, ask.most - #ended
  for _ = 1, LOOKS do
    local ids = redis.call('ZRANGEBYSCORE', stem .. 'due', '-inf', now, 'LIMIT', 0, AT_ONCE)
    if #ids == 0 or #messages >= most then break end
    for _, id in ipairs(ids) do
      if #messages >= most then break end
      local m = read_message(id)
      if not m then
        redis.call('ZREM', stem .. 'due', id)
      elseif redis.call('HEXISTS', stem .. 'busy', m.o) == 1 then
        redis.call('ZREM', stem .. 'due', id)
        redis.call('ZADD', stem .. 'parked:' .. m.o, m.due, id)
      else
        take_in_hand(m, CLAIMED, ask.claim, now + ask.lease)
        messages[#messages + 1] = shown(m)
      end
    end
  end
  -- Lua's empty table would become an object.
  return {
    messages = #messages > 0 and messages or nil, ended = #ended > 0 and ended or nil, next = next_at(),
  }
end

-- Ends what `holder` has, or lets it wait again; false when it has it no more.
local function after(id, holder, again)
  local m = read_message(id_text(id))
  if not m or m.state == 0 or m.h ~= holder then return false end
  if again then
    m.tries, m.due, m.why, m.maybe = m.tries + 1, again.due, again.why, m.maybe or again.maybe
    let_wait(m)
  else
    drop(m)
  end
  return true
end

local function finish()
  local ours = after(ask.id, ask.claim, ask.again)
  if ours and ask.verdict and ask.key then remember_end(ask.openid, ask.key, ask.template, ask.verdict) end
  return { ours = ours, next = next_at() }
end

local function release()
  local m = read_message(id_text(ask.id))
  if m and m.state == CLAIMED and m.h == ask.claim then let_wait(m) end
  return { next = next_at() }
end

-- An event has settled this holder's maybe, or a cancellation made it the last word: whoever looks next tells it.
local function tell_later(m, verdict)
  m.v, m.r, m.dead = verdict.v, verdict.r, verdict.dead
  take_in_hand(m, SENDING, m.sender, 0)
end

local function tell_of_sender(sender, verdict)
  local id = redis.call('GET', stem .. 'sender:' .. sender)
  local m = id and read_message(id)
  if m and m.sender == sender then tell_later(m, verdict) end
end

-- Removes a message that waits.
local function cancel()
  local m = find_message(ask.openid, ask.key)
  if m and m.state == SENDING then return { cancelled = 'too_late' } end
  if m and m.maybe then
    remember_end(m.o, m.k, m.t, { d = true })
    tell_later(m, { dead = m.t })
    return { cancelled = 'too_late', before = { dead = m.t }, next = next_at() }
  end
  if m then
    drop(m)
    remember_end(m.o, m.k, m.t, ask.verdict, m.g)
    return { cancelled = 'now', template = m.t, tag = m.g, next = next_at() }
  end
  local before = seen(ask.openid, ask.key)
  if before and before.busy then return { cancelled = 'too_late' } end
  if before and before.effect then return { cancelled = 'too_late', before = before.before } end
  return { cancelled = 'not_found' }
end

local function look_up()
  local m = find_message(ask.openid, ask.key)
  if m then
    if m.v or m.dead then return { look = 'ended', before = m.v and { v = m.v, r = m.r } or { dead = m.t } } end
    if m.state == SENDING and m.u > now then return { look = 'sending', ms = m.u - now } end
    if m.state == SENDING and not m.resend then return { look = 'ended', before = { dead = m.t } } end
    local due = math.max(m.due - now, 0)
    return { look = 'waits', ms = due, template = m.t, tag = m.g, tries = m.tries, why = m.why }
  end
  local before = seen(ask.openid, ask.key)
  if not before then return { look = 'not_found' } end
  return before.busy and { look = 'sending', ms = before.busy } or { look = 'ended', before = before.before }
end

local function backlog()
  local waiting = tonumber(redis.call('GET', stem .. 'waiting') or 0)
  local listed = redis.call('ZCARD', stem .. 'due') + redis.call('ZCARD', stem .. 'hand')
  local oldest = redis.call('ZRANGE', stem .. 'due', 0, 0, 'WITHSCORES')[2]
  local due = redis.call('ZCOUNT', stem .. 'due', '-inf', now) + math.max(waiting - listed, 0)
  return { waiting = waiting, due = due, oldest_due = oldest and math.max(now - oldest, 0) or 0, next = next_at() }
end
