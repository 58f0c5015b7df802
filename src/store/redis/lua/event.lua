-- What WeChat pushed: each part once, all or none.
-- A send may have started so much later than its event was created, by two clocks.
local SKEW = 30 * SECOND

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
