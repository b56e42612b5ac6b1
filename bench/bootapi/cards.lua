-- A hundred cards that ask for their configs, in turn. wrk gives the key and, where they keep no connection, the header for that.
local at = 0
request = function()
  at = at + 1
  return wrk.format("GET", "/boot/card-" .. (at % 100) .. "/config")
end
