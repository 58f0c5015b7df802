-- What a player answered, or what is left.
local function left_now()
  return { left = remaining(ask.openid, read_counts(ask.openid), ask.template) }
end

local function has_any()
  local granted, gone = numbers(read_counts(ask.openid), ask.template)
  return { any = granted > gone }
end

local steps = { report = report, remaining = left_now, has_any = has_any }
return answer_with(steps[op]())
