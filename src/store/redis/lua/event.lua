-- What WeChat pushed: each part once, all or none.
-- A send may have started so much later than its event was created, by two clocks.
local SKEW = 30 * SECOND

-- Settles the oldest maybe of the player and template that started before this time, once; unless the msgid is one that
-- is known. Returns what it did, or for how many milliseconds a send to the player runs.
local function settle_late(openid, part, started_before)
  local turn = read_turn(openid)
  if turn and turn.r then
    if turn.u > now then return nil, turn.u - now end
    becomes_maybe(openid, turn)
    write_turn(openid, turn)
  end
  local known = redis.call('GET', msgids_name(openid, part.template)) or ''
  if part.msgid ~= '0' and string.find(known, ',' .. part.msgid .. ',', 1, true) then
    return { quota = 'untouched', left = -1 }
  end
  local flat, oldest, holder = redis.call('HGETALL', maybes_name(openid)), nil, nil
  for i = 1, #flat, 2 do
    local maybe = cjson.decode(flat[i + 1])
    local fits = maybe.t == part.template and maybe.s < started_before and maybe.x > now
    if fits and (not oldest or maybe.s < oldest.s) then oldest, holder = maybe, flat[i] end
  end
  if not oldest then return { quota = 'untouched', left = -1 } end
  redis.call('HDEL', maybes_name(openid), holder)
  move_count(openid, part.template, part.outcome, oldest.n, oldest.g, part.msgid)
  local left = remaining(openid, read_counts(openid), part.template)
  if oldest.k then mark_done(openid, oldest.k, holder, part.verdict, left) end
  if part.outcome ~= 'returned' or part.verdict.e then tell_of_sender(holder, { v = part.verdict.v, r = left }) end
  local quota = { spent = 'spent', cleared = 'cleared' }
  return { quota = quota[part.outcome] or 'untouched', left = left }
end

local function event()
  local openid, all, told = ask.openid, {}, false
  for i, part in ipairs(ask.parts) do
    local name = name_of('event', openid, part.identity)
    local before = read_key(name)
    local done
    if before then
      done = { before = { quota = before.quota, left = before.left } }
    elseif part.sent then
      local busy
      told = true
      done, busy = settle_late(openid, part.sent, ask.created + SKEW)
      -- Only a sent event waits, and WeChat sends them with nothing else; what was done so far was looked up, or is a part
      -- of the same kind and is found by its identity the next time.
      if busy then return { busy = busy } end
    else
      local counts = read_counts(openid)
      done = apply_answer(openid, counts, part.answer, ask.created)
      if done.quota and done.quota ~= 'untouched' and #counts > 0 then write_counts(openid, counts) end
    end
    if not before then remember(name, done) end
    all[i] = done
  end
  return { items = all, next = told and next_at() or nil }
end
