-- Where LuaJIT sees the fields of wxsub_result that are named in the command line.
local ffi = require("ffi")
package.path = "examples/luajit/?.lua;" .. package.path
require("wxsub")

print("size " .. ffi.sizeof("wxsub_result"))
local result = ffi.new("wxsub_result")
for _, name in ipairs(arg) do
  local value = result[name]
  local size = type(value) == "cdata" and ffi.sizeof(value) or 4 -- only 32 bits become a number
  print(("field %s %d %d"):format(name, ffi.offsetof("wxsub_result", name), size))
end
