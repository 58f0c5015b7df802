-- One step of the ledger.
local function left_now()
  return { left = remaining(ask.openid, read_counts(ask.openid), ask.template) }
end

local function has_any()
  local granted, gone = numbers(read_counts(ask.openid), ask.template)
  return { any = granted > gone }
end

local steps = {
  report = report, event = event, remaining = left_now, has_any = has_any, begin = begin, settle = settle,
  put = put, claim = claim, finish = finish, release = release, cancel = cancel, look_up = look_up, backlog = backlog,
}
return answer_with(steps[op]())
