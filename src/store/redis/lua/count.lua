-- Counts: a hash of the bucket, by player; each a row of template, granted, gone, when the newest accept happened.
local function read_counts(openid)
  local packed = redis.call('HGET', stem .. 'counts', openid)
  return packed and cmsgpack.unpack(packed) or {}
end

local function write_counts(openid, counts)
  redis.call('HSET', stem .. 'counts', openid, cmsgpack.pack(counts))
end

local function place(counts, template)
  for i = 1, #counts, 4 do
    if counts[i] == template then return i end
  end
end

local function numbers(counts, template)
  local i = place(counts, template)
  if not i then return 0, 0 end
  return counts[i + 1], counts[i + 2]
end

local function grant(counts, template, lasting, wall)
  local i = place(counts, template)
  if not i then
    i = #counts + 1
    counts[i], counts[i + 1], counts[i + 2], counts[i + 3] = template, 0, 0, 0
  end
  if lasting then
    counts[i + 1] = math.max(counts[i + 1], counts[i + 2] + 1)
  else
    counts[i + 1] = counts[i + 1] + 1
  end
  counts[i + 3] = math.max(counts[i + 3], wall)
end

-- A refusal event created less than a minute after the newest accept may have come before it, by two clocks: in doubt
-- the newest accept is kept.
local function clear(counts, template, created)
  local i = place(counts, template)
  if not i then return end
  if created and counts[i + 3] > created - 60 * SECOND then
    counts[i + 2] = math.max(counts[i + 2], counts[i + 1] - 1)
  else
    counts[i + 2] = counts[i + 1]
  end
end

-- A turn: h holder, u until, r it runs (else it is kept for a while after a maybe), t template, g granted when it was
-- taken, n it holds a unit, k key, s start; wb, wu: who waits for it, until when.
local function turn_name(openid)
  return stem .. 'turn:' .. openid
end

local function read_turn(openid)
  return read(turn_name(openid))
end

-- Granted − gone − held. A unit is held while the lease lasts, unless a refusal has taken it since.
local function remaining(openid, counts, template)
  local granted, gone = numbers(counts, template)
  if granted <= gone then return 0 end
  local turn = read_turn(openid)
  local held = turn and turn.r and turn.n and turn.t == template and turn.g > gone and turn.u > now
  return granted - gone - (held and 1 or 0)
end
