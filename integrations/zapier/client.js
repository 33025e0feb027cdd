'use strict';

const url = (bundle, path) => bundle.authData.server_url.replace(/\/+$/, '') + path;

const authorize = (request, z, bundle) => {
  request.headers = { ...request.headers, Authorization: `Bearer ${bundle.authData.api_key}` };
  request.skipThrowForStatus = true;
  return request;
};

/** Problems (RFC 9457) become sentences that whoever builds a Zap can act on. */
const explain = (response, z) => {
  if (response.status < 400) return response;
  let problem = {};
  try { problem = JSON.parse(response.content); } catch { /* not ours: a proxy's page */ }
  const told = problem.detail || problem.title || `the server answered ${response.status}`;
  if (response.status === 401) {
    throw new z.errors.Error(`Sluice does not know this API key: ${told}`, 'AuthenticationError', 401);
  }
  if (response.status === 403) throw new z.errors.Error(`This API key may not do that: ${told}`, 'Forbidden', 403);
  if (response.status === 429 || response.status === 503) {
    const wait = Number(response.getHeader('retry-after')) || 60;
    throw new z.errors.ThrottledError(`Sluice asks to wait: ${told}`, wait);
  }
  if (response.status === 404) return response;
  throw new z.errors.Error(`Sluice: ${told}`, 'RequestError', response.status);
};

/** Sends one item; a refused one is an error although the request as a whole was accepted. */
const collect = async (z, bundle, item) => {
  const response = await z.request({ url: url(bundle, '/v1/events'), method: 'POST', body: { events: [item] } });
  const [refused] = response.data.rejected || [];
  if (refused) throw new z.errors.Error(`Sluice refused it: ${refused.reason}`, 'InvalidData', 400);
  return { id: String(response.data.watermark), ...response.data };
};

module.exports = { url, authorize, explain, collect };
