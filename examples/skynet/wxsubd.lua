-- A skynet service that sends for all others. Its answers come when WeChat has spoken; no skynet thread waits for that.
--
--   local wxsubd = skynet.uniqueservice "wxsubd"       -- wxsub_config = "wxsub.json" in skynet's configuration
--   local r = skynet.call(wxsubd, "lua", "report", openid, template_id, "accept", key)
--   local r = skynet.call(wxsubd, "lua", "send", message_json, options_json)
--   if r.status == "WXSUB_OK" then … else skynet.error(r.status, r.message) end
local skynet = require "skynet"
local wxsub = require "lwxsub"

local waiting = {} -- skynet's answers by ticket

local function take(client)
  local results = wxsub.poll(client)
  for _, result in ipairs(results) do
    local respond = waiting[result.ticket] -- none for the outcomes of durable messages
    waiting[result.ticket] = nil
    if respond then
      respond(true, result)
    elseif result.status ~= "WXSUB_OK" then
      skynet.error("wxsub", result.key, result.status, result.message)
    end
  end
  return #results
end

skynet.start(function()
  local path = skynet.getenv "wxsub_config" or "wxsub.json"
  local client, fault = wxsub.init(assert(io.open(path)):read "a")
  assert(client, fault and fault.status .. ": " .. fault.message)

  skynet.dispatch("lua", function(_, _, command, ...)
    if command == "exit" then -- what was submitted has three seconds; this thread waits for it
      wxsub.shutdown(client, 3000)
      repeat until take(client) == 0
      wxsub.close(client)
      skynet.retpack(true)
      return skynet.exit()
    end
    assert(command == "report" or command == "send", command)
    local ticket, why = wxsub[command](client, ...)
    if ticket then waiting[ticket] = skynet.response() else skynet.retpack(why) end
  end)

  skynet.fork(function()
    while true do
      repeat until take(client) == 0
      skynet.sleep(2) -- 20 ms
    end
  end)
end)
