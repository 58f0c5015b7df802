-- One step that concerns the outbox, or an event.
local steps = {
  event = event, begin = begin, settle = settle, put = put, claim = claim, finish = finish, release = release,
  cancel = cancel, look_up = look_up, backlog = backlog,
}
return answer_with(steps[op]())
