-- One event a request. Environment: KEY (write key), KIND (native or kissmetrics).
local kind, key = os.getenv("KIND") or "native", os.getenv("KEY") or ""
local counter, headers = os.time() % 100000 * 10000000, {}

function init(args)
  if kind == "native" then
    headers["Authorization"] = "Bearer " .. key
    headers["Content-Type"] = "application/json"
  end
end

function request()
  counter = counter + 1
  if kind == "kissmetrics" then
    return wrk.format("GET", string.format(
      "/e?_k=%s&_p=user-%d%%40example.com&_n=Viewed+Page&_t=%d&_d=1&plan=pro&amount=12.50", key, counter % 100000,
      1000000000 + counter % 780000000), headers)
  end
  local body = string.format(
    '{"events":[{"id":"s-%x","identity":"user-%06d@example.com","event":"Viewed Page","timestamp":"2026-03-04T05:06:07.089Z",' ..
    '"properties":{"plan":"pro","amount":12.50,"page":"/products/1/details"}}]}', counter, counter % 100000)
  return wrk.format("POST", wrk.path, headers, body)
end

function done(summary, latency, requests)
  io.write(string.format(
    'RESULT {"requests":%d,"seconds":%.3f,"p50_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f,"status_errors":%d,"socket_errors":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
