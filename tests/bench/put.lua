-- KV PUT of 128 bytes to one of 1,000 keys.
local value = string.rep("x", 128)
local n = 0
request = function()
  n = (n + 1) % 1000
  return wrk.format("PUT", "/v1/kv/bench/" .. n, nil, value)
end
