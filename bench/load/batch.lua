-- Batches of 100 events with ids of their own. About one batch in fifty is sent twice, and each batch has one event twice.
-- A body is a fixed text with a counter set into it 100 times by one table.concat, so that the generator costs little.
-- Environment: KEY (write key), TEMPLATES, DELAY_MS (pause of each connection before a request, may have a fraction).
local templates = tonumber(os.getenv("TEMPLATES") or "128")
local delay_ms = tonumber(os.getenv("DELAY_MS") or "0")
local counter, thread = 0, 0
local bodies, headers = {}, {}
local names = { "Viewed Page", "Signed Up", "Added to Cart", "Purchased", "Searched" }
local plans = { "free", "pro", "team", "enterprise" }

function setup(t)
  thread = thread + 1
  t:set("number", thread)
end

local function template(n)
  -- Pieces between which the counter goes: ..."id":"  COUNTER  -17","identity":...
  local pieces = { '{"events":[{"id":"' }
  for i = 1, 100 do
    local k = i == 100 and 1 or i
    local user = (n * 100 + i * 7919) % 100000
    local text = string.format(
      '-%d","identity":"user-%06d@example.com","event":"%s","timestamp":"2026-%02d-%02dT%02d:%02d:%02d.%03dZ",' ..
      '"properties":{"plan":"%s","amount":%d.%02d,"page":"/products/%d/details","referrer":"https://www.example.com/search?q=%d",' ..
      '"browser":"Firefox 142","country":"DE","session":"%08x"}}',
      k, user, names[i % 5 + 1], n % 12 + 1, i % 28 + 1, i % 24, n % 60, i % 60, i * 7 % 1000, plans[i % 4 + 1],
      i * n % 500, i, i * 31 % 5000, i, user * 2654435 % 4294967296)
    pieces[#pieces + 1] = text .. (i < 100 and ',{"id":"' or ']}')
  end
  return pieces
end

function init(args)
  math.randomseed(number or 1)
  for n = 1, templates do bodies[n] = template(n) end
  headers["Authorization"] = "Bearer " .. (os.getenv("KEY") or "")
  headers["Content-Type"] = "application/json"
  counter = os.time() % 100000 * 10000000 + (number or 1) * 1000000000000
end

-- wrk waits for whole milliseconds; on the average it is what was asked for.
local whole_ms = math.floor(delay_ms)
function delay() return whole_ms + (math.random() < delay_ms - whole_ms and 1 or 0) end

function request()
  if math.random(50) > 1 then counter = counter + 1 end
  local body = table.concat(bodies[counter % templates + 1], string.format("%x", counter))
  return wrk.format("POST", wrk.path, headers, body)
end

function done(summary, latency, requests)
  io.write(string.format(
    'RESULT {"requests":%d,"seconds":%.3f,"p50_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f,"status_errors":%d,"socket_errors":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
