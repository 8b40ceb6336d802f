-- Catalog registrations of ever new service instances with a check, on 1,000 nodes.
local n = 0
request = function()
  n = n + 1
  local node = n % 1000
  local body = string.format('{"Node":"node-%d","Address":"10.0.%d.%d","Service":{"ID":"svc-%d","Service":"service-%d","Port":%d,"Tags":["v1","bench"]},"Check":{"CheckID":"chk-%d","Name":"alive","Status":"passing","ServiceID":"svc-%d"}}',
    node, node / 250, node % 250 + 1, n, n % 100, 1000 + n % 60000, n, n)
  return wrk.format("PUT", "/v1/catalog/register", nil, body)
end
