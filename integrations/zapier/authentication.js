// A server's address and a secret key of it. The key wants the scopes webhooks:write, events:read, people:read and collect.
const server = (bundle) => bundle.authData.server.replace(/\/+$/, '');

const addKey = (request, z, bundle) => {
  if (bundle.authData.key) request.headers.authorization = `Bearer ${bundle.authData.key}`;
  return request;
};

// What the server says is wrong is what the user reads.
const explain = (response, z) => {
  if (response.status < 400) return response;
  let problem = {};
  try {
    problem = JSON.parse(response.content);
  } catch (error) {
    // Something in front of the server answered.
  }
  if (response.status === 401) {
    throw new z.errors.Error('The key is not one of this server.', 'AuthenticationError', 401);
  }
  if (response.status === 429) {
    throw new z.errors.ThrottledError('The server is busy.', Number(response.getHeader('retry-after')) || 60);
  }
  // A search that finds nothing is no failure; it looks at the status itself.
  if (response.status === 404 && response.request.skipThrowForStatus) return response;
  throw new z.errors.Error(problem.detail || problem.title || `The server answered ${response.status}.`, 'SluiceError', response.status);
};

const definition = {
  type: 'custom',
  fields: [
    {
      key: 'server', label: 'Server', required: true, type: 'string', placeholder: 'https://sluice.example.com',
      helpText: 'The address of your Sluice server, as it is reached from the internet.',
    },
    {
      key: 'key', label: 'Secret key', required: true, type: 'password',
      helpText: 'A key made with `sluice keys create Zapier --scope webhooks:write --scope events:read --scope people:read --scope collect`.',
    },
  ],
  test: async (z, bundle) => {
    const response = await z.request({ url: `${server(bundle)}/v1/hooks`, params: { limit: 1 } });
    if (!Array.isArray(response.json.data)) throw new z.errors.Error('That is no Sluice server.', 'AuthenticationError', 400);
    return { server: server(bundle) };
  },
  connectionLabel: '{{bundle.authData.server}}',
};

module.exports = { definition, addKey, explain, server };
