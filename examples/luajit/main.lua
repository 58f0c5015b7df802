-- A game loop: a player accepts, gets a message, and the next one is turned down. No frame waits for WeChat or the disk.
--   luajit main.lua [wxsub.json]
local ffi = require("ffi")
package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local wxsub = require("wxsub")
assert(wxsub.wxsub_abi() >= wxsub.WXSUB_ABI, "the libwxsub that was loaded is older than wxsub.lua")

local OPENID, TEMPLATE = "o-luajit", "sim-stamina"
local MESSAGE = '{"touser": "o-luajit", "template_id": "sim-stamina",'
  .. ' "data": {"thing1": "体力已满，快来领取", "time2": "15:01"}}'

local SIZE = ffi.sizeof("wxsub_result")
local why, client = ffi.new("wxsub_result", SIZE), ffi.new("wxsub_client *[1]")
local function must(status, step)
  if status ~= wxsub.WXSUB_OK then
    error(("%s: %s: %s"):format(step, ffi.string(wxsub.wxsub_status_name(status)), ffi.string(why.message)), 0)
  end
end

local config = assert(io.open(arg[1] or "wxsub.json")):read("*a")
must(wxsub.wxsub_init(config, client, why), "init")
client = client[0]

-- Our own number of each call comes back in its result, and tells what to do with it.
local on_result = {
  function(r) print(("accepted: count %d"):format(r.remaining)) end,
  function(r) print(("sent: message id %d, count %d"):format(r.msgid, r.remaining)) end,
}
must(wxsub.wxsub_submit_report(client, OPENID, TEMPLATE, wxsub.WXSUB_ACCEPT, "answer-1", 1, nil, why), "report")
must(wxsub.wxsub_submit(client, MESSAGE, '{"tag": 2, "key": "stamina-4711"}', nil, why), "submit") -- QUEUE_FULL: again in the next frame
must(wxsub.wxsub_submit(client, MESSAGE, '{"tag": 3}', nil, why), "submit")

local results, count, missing, turned_down = ffi.new("wxsub_result[32]"), ffi.new("size_t[1]"), 3, false
results[0].struct_size = SIZE
while missing > 0 do -- a frame; 16 is its sleep here, and would be 0 in a loop that sleeps by itself
  must(wxsub.wxsub_poll(client, results, 32, 16, count), "poll")
  for i = 0, tonumber(count[0]) - 1 do
    local r = results[i]
    local tag, name = tonumber(r.tag), ffi.string(wxsub.wxsub_status_name(r.status))
    if r.status == wxsub.WXSUB_OK and on_result[tag] then on_result[tag](r) else print(name, ffi.string(r.message)) end
    turned_down = turned_down or (tag == 3 and r.status == wxsub.WXSUB_E_NO_QUOTA)
    missing = missing - 1
  end
end
wxsub.wxsub_free(client)
os.exit(turned_down and 0 or 1)
