-- Runs examples/skynet/wxsubd.lua as it is, in Debian's Lua, with as much of skynet as it uses: one thread, coroutines,
-- a clock, and answers that may come later. Then plays a service that calls it.
local exited, dispatch, calling = false, nil, nil
local sleeping = {}

local function step(thread, ...)
  local ok, ticks = coroutine.resume(thread, ...)
  if not ok then error(debug.traceback(thread, ticks), 0) end
  if coroutine.status(thread) ~= "dead" and not exited then sleeping[thread] = ticks end
end

local skynet = {}
function skynet.start(main) step(coroutine.create(main)) end
function skynet.getenv(name) assert(name == "wxsub_config") end
function skynet.fork(main) step(coroutine.create(main)) end
function skynet.sleep(ticks) coroutine.yield(ticks) end
function skynet.error(...) io.stderr:write(table.concat({ ... }, " "), "\n") end
function skynet.exit() exited = true; coroutine.yield() end
function skynet.dispatch(kind, handler) assert(kind == "lua"); dispatch = handler end
function skynet.response()
  local call = calling
  return function(ok, ...) assert(ok and not call.answer); call.answer = { ... } end
end
function skynet.retpack(...) skynet.response()(true, ...) end
package.preload.skynet = function() return skynet end

-- One tick of skynet's clock is 10 ms.
local function pass_time()
  os.execute("sleep 0.01")
  for thread, ticks in pairs(sleeping) do
    sleeping[thread] = ticks - 1
    if ticks <= 1 then sleeping[thread] = nil; step(thread) end
  end
end

local function begin(...)
  local call = {}
  calling = call
  step(coroutine.create(dispatch), 0, 0, ...)
  return call
end
local function finish(call)
  while not call.answer do pass_time() end
  return table.unpack(call.answer)
end

dofile(arg[1])

local message = '{"touser": "o-skynet", "template_id": "sim-stamina", "data": {"thing1": "体力已满，快来领取", "time2": "15:01"}}'
local accepted = begin("report", "o-skynet", "sim-stamina", "accept", "answer-1")
local first = begin("send", message, '{"key": "stamina-4711"}')
local second = begin("send", message)
local rubbish = begin("send", "{体力")
print(("%s: count %d"):format(finish(accepted).status, finish(accepted).remaining))
print(("%s: message id %d, count %d"):format(finish(first).status, finish(first).msgid, finish(first).remaining))
print(finish(second).status, finish(second).message)
print(finish(rubbish).status, finish(rubbish).message)
assert(finish(begin("exit")) == true and exited)
os.exit(finish(first).status == "WXSUB_OK" and finish(rubbish).status == "WXSUB_E_ARG")
