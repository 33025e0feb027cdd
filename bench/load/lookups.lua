-- One person looked up by identity a request. Environment: KEY (secret key), PEOPLE (how many there are).
local people, headers = tonumber(os.getenv("PEOPLE") or "1000"), {}

function init(args)
  math.randomseed(7)
  headers["Authorization"] = "Bearer " .. (os.getenv("KEY") or "")
end

function request()
  return wrk.format("GET", string.format("%s?identity=user-%d%%40example.com", wrk.path, math.random(0, people - 1)), headers)
end

function done(summary, latency, requests)
  io.write(string.format(
    'RESULT {"requests":%d,"seconds":%.3f,"p50_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f,"status_errors":%d,"socket_errors":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
