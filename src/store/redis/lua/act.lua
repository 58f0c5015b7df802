-- One act counts once: a player's answer reaches us from the game (a report) and from WeChat (an event), in either order,
-- and the second of a pair changes nothing. An event carries the act's time, a report comes after the act: they pair if
-- the report arrived from 30 s before the event's time (two clocks) to 10 min after it.
local BEFORE, AFTER = 30 * SECOND, 600 * SECOND
-- Marks that found no partner are kept this long, and so many of a player.
local MARK_LIFE, MARKS = 2 * HOUR, 256

-- Whether the act had come the other way; then its mark is used up. Else a mark is left for the other way.
local function pairs_up(openid, template, refusal, by_event, wall)
  local name = stem .. 'acts:' .. openid
  local from, to = wall - AFTER, wall + BEFORE
  if by_event then from, to = wall - BEFORE, wall + AFTER end
  local kept, partner = {}, nil
  for _, mark in ipairs(read(name) or {}) do
    if mark.at + MARK_LIFE > now then
      kept[#kept + 1] = mark
      local fits = mark.t == template and mark.r == refusal and mark.e ~= by_event and mark.w >= from and mark.w <= to
      if fits and (not partner or mark.w < kept[partner].w) then partner = #kept end
    end
  end
  if partner then
    table.remove(kept, partner)
  else
    kept[#kept + 1] = { t = template, r = refusal, e = by_event, w = wall, at = now }
    if #kept > MARKS then table.remove(kept, 1) end
  end
  if #kept == 0 then redis.call('DEL', name) else keep(name, kept, now + MARK_LIFE) end
  return partner ~= nil
end

-- Applies one answer, unless the same act had come the other way. `created`: the event's time; nil for a report.
local function apply_answer(openid, counts, item, created)
  local function told(left)
    return item.lasting and math.min(left, 1) or left
  end
  local change = item.change
  if item.act and (change == 'grant' or change == 'switch_on' or change == 'clear')
    and pairs_up(openid, item.template, change == 'clear', created ~= nil, created or now) then
    return { paired = told(remaining(openid, counts, item.template)) }
  end
  if change == 'clear_all' then
    for i = 1, #counts, 4 do counts[i + 2] = counts[i + 1] end
    return { quota = 'cleared', left = 0 }
  end
  local quota = 'untouched'
  if change == 'clear' then
    clear(counts, item.template, created)
    quota = 'cleared'
  elseif change ~= 'look' then
    grant(counts, item.template, change == 'switch_on', created or now)
    quota = 'granted'
  end
  return { quota = quota, left = told(remaining(openid, counts, item.template)) }
end

-- What is kept of an answer for the second call with its key.
local function remember(name, done)
  keep(name, { quota = done.quota or 'untouched', left = done.left or done.paired, x = now + DAY }, now + DAY)
end

local function report()
  local counts, dirty, all = read_counts(ask.openid), false, {}
  for i, item in ipairs(ask.items) do
    local name = ask.key and name_of('report', ask.openid, ask.key, item.template)
    local before = name and read_key(name)
    if before then
      all[i] = { before = { quota = before.quota, left = before.left } }
    else
      local done = apply_answer(ask.openid, counts, item, nil)
      if name and done.quota ~= 'untouched' then remember(name, done) end
      dirty = dirty or done.quota and done.quota ~= 'untouched'
      all[i] = done
    end
  end
  if dirty and #counts > 0 then write_counts(ask.openid, counts) end
  return { items = all }
end
