// Runs one function of a Zapier app with a stand-in for `z`: node zapier_runner.js APP, {"path", "bundle"} on standard input.
'use strict';
const app = require(require('path').resolve(process.argv[2]));
class AppError extends Error { constructor(message, code, status) { super(message); Object.assign(this, { code, status }); } }
class ThrottledError extends Error { constructor(message, delay) { super(message); this.delay = delay; } }
const { path, bundle } = JSON.parse(require('fs').readFileSync(0));
const z = { errors: { Error: AppError, ThrottledError } };
z.request = async (asked) => {
  let request = { method: 'GET', headers: {}, params: {}, ...asked };
  for (const step of app.beforeRequest) request = await step(request, z, bundle);
  const url = new URL(request.url);
  for (const [name, value] of Object.entries(request.params)) url.searchParams.set(name, value);
  const got = await fetch(url, {
    method: request.method, body: request.body && JSON.stringify(request.body),
    headers: { ...(request.body && { 'content-type': 'application/json' }), ...request.headers },
  });
  const content = await got.text();
  let response = { status: got.status, content, getHeader: (name) => got.headers.get(name) };
  try { response.data = JSON.parse(content); } catch { /* empty */ }
  for (const step of app.afterResponse) response = await step(response, z, bundle);
  return response;
};
const target = path.reduce((at, name) => at[name], app);
(async () => (typeof target === 'function' ? target(z, bundle) : target))().then(
  (result) => console.log(JSON.stringify({ result })),
  (error) => console.log(JSON.stringify({ error: error.message, status: error.status ?? null })));
