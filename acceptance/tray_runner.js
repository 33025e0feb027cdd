// Runs a handler of the Tray connector as Tray's own runtime would: node tray_runner.js FOLDER OPERATION EXPORT, with {"auth", "input", "request"} on
// standard input. Tray's CDK is not installed: what the handlers use of it stands here, and each request goes out for real.
const fs = require('fs');
const path = require('path');
const [folder, operation, name] = process.argv.slice(2);

const result = {
  success: (value) => ({ ok: true, value }),
  failure: (error) => ({ ok: false, error }),
};

// Records what a handler says: method, path, request, response.
class Http {
  constructor(setup) { this.setup = setup; }
  handleRequest(make) { this.make = make; return this; }
  handleResponse(read) { this.read = read; return this; }
}
for (const method of ['get', 'post', 'put', 'patch', 'delete']) {
  Http.prototype[method] = function (target) { this.method = method.toUpperCase(); this.target = target; return this; };
}

class Request {
  constructor() { this.query = new URLSearchParams(); this.headers = {}; }
  addQueryString(key, value) { this.query.append(key, value); return this; }
  addPathParameter(key, value) { this.parameters = { ...this.parameters, [key]: value }; return this; }
  addHeader(key, value) { this.headers[key] = value; return this; }
  withBodyAsJson(body) { this.headers['content-type'] = 'application/json'; this.body = JSON.stringify(body); return this; }
  withoutBody() { return this; }
}

class Handler {
  withGlobalConfiguration(config) { this.config = config; return this; }
  addInputValidation() { return this; }
  usingHttp(build) { this.http = build(new Http()); return this; }
  usingComposite(body) { this.body = body; return this; }
}
const configure = (build) => build(new Handler());

class Config {
  static create() { return new Config(); }
  withBaseUrl(read) { this.base = read; return this; }
  withBearerToken(read) { this.token = read; return this; }
}

const stubs = {
  OperationHandlerSetup: {
    configureHandler: configure, configureTriggerCreateHandler: configure, configureTriggerDestroyHandler: configure,
    configureTriggerRequestHandler: configure,
  },
  OperationHandlerResult: result,
  OperationHandlerError: { skipTriggerError: (message, response) => ({ skip: true, message, response }) },
  TriggerOperationHttpResponse: { withStatusCode: (status) => ({ status }) },
  OperationGlobalConfigHttp: Config,
};

// TypeScript without its types: imports of types, types' arguments, and the marks that something is there.
const load = (file) => {
  const text = fs.readFileSync(file, 'utf8')
    .replace(/^import type .*$/gm, '')
    .replace(/^import \{([^}]*)\} from '@trayio\/[^']*';$/gms, 'const {$1} = stubs;')
    .replace(/^import \{([^}]*)\} from '(\.[^']*)';$/gms, (_, names, from) => `const {${names}} = load(${JSON.stringify(path.resolve(path.dirname(file), from + '.ts'))});`)
    .replace(/<[A-Z]\w*(, [\w]+)*>\(/g, '(')
    .replace(/!\./g, '.')
    .replace(/^export const (\w+)/gm, 'exports.$1');
  const exported = {};
  new Function('exports', 'stubs', 'load', text)(exported, stubs, load);
  return exported;
};

const run = async ({ auth, input, request }) => {
  const handler = load(path.join(folder, 'src', operation, 'handler.ts'))[name];
  const ctx = { auth: { user: auth } };
  if (handler.body) return handler.body(ctx, { input, request });
  const { http, config } = handler;
  const made = http.make(ctx, input, new Request());
  const query = made.query.toString();
  const response = await fetch(config.base(ctx) + http.target + (query && `?${query}`), {
    method: http.method, body: made.body, headers: { ...made.headers, authorization: `Bearer ${config.token(ctx)}` },
  });
  const text = await response.text();
  if (response.status >= 400) return { ...result.failure(text), status: response.status };
  return http.read(ctx, input, {
    parseWithBodyAsJson: () => result.success(JSON.parse(text)),
    parseWithBodyAsText: (read) => (read ? read(text) : result.success(text)),
  });
};

run(JSON.parse(fs.readFileSync(0, 'utf8'))).then((told) => console.log(JSON.stringify(told)));
