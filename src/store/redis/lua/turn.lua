-- A player's turn and the unit that goes with it: taken by a hold, ended by a settlement. What concerns a message is in
-- outbox.lua, which is left out of the script for sends that have none: a script's functions are made anew in each call.
local KEEP_TURN, WANTED = 2 * SECOND, 60
-- Characters of the msgids that are kept, each with a comma before and behind: room for the last eight.
local MSGIDS = 170

local function write_turn(openid, turn)
  keep(turn_name(openid), turn, math.max(turn.u, now) + DAY)
end

local function maybes_name(openid)
  return stem .. 'maybes:' .. openid
end

-- The send that has the turn was maybe taken. From now on the maybe is what its holder, if it comes back, or an event
-- settles, whichever comes first.
local function becomes_maybe(openid, turn)
  local maybe = { t = turn.t, g = turn.g, n = turn.n, k = turn.k, s = turn.s, x = now + DAY }
  redis.call('HSETNX', maybes_name(openid), turn.h, cjson.encode(maybe))
  redis.call('PEXPIRE', maybes_name(openid), DAY)
  turn.r, turn.h = false, '0'
end

-- Says that this process waits for the turn, unless another has said so: whoever has it will not take it again at once.
local function want_turn(openid, turn)
  if turn.wb == ask.process or (turn.wu or 0) <= now then
    turn.wb, turn.wu = ask.process, now + WANTED
    write_turn(openid, turn)
  end
end

-- Takes the player's turn and one unit, if both are free.
local function begin()
  local openid, template = ask.openid, ask.template
  local turn = read_turn(openid)
  -- The answer to this same call was lost.
  if turn and turn.r and turn.h == ask.holder then
    -- A write, so that the proof that is asked for covers the first call's.
    write_turn(openid, turn)
    return { held = true, granted = turn.g, unit = turn.n }
  end
  local m = ask.id and read_message(id_text(ask.id))
  if ask.id and not (m and m.state == CLAIMED and m.h == ask.claim) then return { gone = true } end
  local stop = ask.key and stopped_by(openid, template, ask.key)
  if stop then return stop end
  local granted, gone = numbers(read_counts(openid), template)
  if granted <= gone and ask.enforce then return { no_quota = true } end
  if turn then
    if turn.u > now then
      want_turn(openid, turn)
      return { busy = turn.u - now }
    end
    if turn.r then becomes_maybe(openid, turn) end
    if (turn.wu or 0) > now and turn.wb ~= ask.process then
      write_turn(openid, turn)
      return { busy = turn.wu - now }
    end
  end
  local unit = granted > gone and not ask.lasting
  write_turn(openid, {
    h = ask.holder, u = now + ask.lease, r = true, t = template, g = granted, n = unit, k = ask.key, s = now,
  })
  if ask.key then mark_running(openid, template, ask.key, ask.holder, ask.lease) end
  local next
  if m then
    -- Whoever looks after dead processes may have to come earlier than for the claim.
    if now + ask.lease < m.u then next = now + ask.lease end
    if m.sender then redis.call('DEL', stem .. 'sender:' .. m.sender) end
    m.sender = ask.holder
    redis.call('SET', stem .. 'sender:' .. m.sender, m.id)
    take_in_hand(m, SENDING, ask.holder, now + ask.lease)
  end
  return { held = true, granted = granted, unit = unit, next = next }
end

-- Gives the turn back, or keeps it for a while after a maybe; says what the hold still had: 'turn', 'maybe' or nil.
local function let_go(openid, turn)
  local ours = turn and turn.h == ask.holder
  if ask.outcome == 'maybe' then
    if not ours then return nil end
    turn.u = now + KEEP_TURN
    becomes_maybe(openid, turn)
    write_turn(openid, turn)
    return 'turn'
  end
  if ours then
    if (turn.wu or 0) > now then
      turn.r, turn.u, turn.h = false, 0, '0'
      write_turn(openid, turn)
    else
      redis.call('DEL', turn_name(openid))
    end
    return 'turn'
  end
  return redis.call('HDEL', maybes_name(openid), ask.holder) == 1 and 'maybe' or nil
end

local function msgids_name(openid, template)
  return stem .. 'msgids:' .. openid .. '\0' .. template
end

-- Moves the count of a send that ended so, remembers its msgid, and returns granted − gone.
local function move_count(openid, template, outcome, unit, granted, msgid)
  local counts = read_counts(openid)
  local i = place(counts, template)
  if outcome == 'spent' then
    if msgid ~= '0' then
      local name = msgids_name(openid, template)
      local known = ',' .. msgid .. (redis.call('GET', name) or ',')
      redis.call('SET', name, string.sub(known, 1, MSGIDS), 'PX', DAY + HOUR)
    end
    if i and unit and counts[i + 2] < granted then
      counts[i + 2] = counts[i + 2] + 1
      write_counts(openid, counts)
    end
  elseif outcome == 'cleared' and i and counts[i + 2] < granted then
    counts[i + 2] = granted
    write_counts(openid, counts)
  end
  local had, gone = numbers(counts, template)
  return had - gone
end

-- Ends the hold, moves the count in the bounds of what was granted when it was taken, and says what is left.
local function settle()
  local openid, template = ask.openid, ask.template
  local owned = let_go(openid, read_turn(openid))
  -- Whose turn is gone and who is no maybe either was settled by an event: once is enough.
  local left = move_count(openid, template, ask.outcome, ask.unit and owned ~= nil, ask.granted, ask.msgid)
  -- Without its own turn, another send's may hold a unit.
  left = owned == 'turn' and math.max(left, 0) or remaining(openid, read_counts(openid), template)
  if ask.lasting then left = math.min(left, 1) end
  local message = true
  if ask.id then message = after(ask.id, ask.holder, ask.again) end
  if ask.key then
    -- Whose message was taken over as a maybe corrects what was said of it.
    if not ask.again or not message then
      mark_done(openid, ask.key, ask.holder, ask.verdict, left)
    else
      forget_send(openid, ask.key)
    end
  end
  return { left = left, message = message, next = ask.id and next_at() or nil }
end
