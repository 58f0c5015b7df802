-- One step of a send that is no message of the outbox.
local steps = { begin = begin, settle = settle }
return answer_with(steps[op]())
