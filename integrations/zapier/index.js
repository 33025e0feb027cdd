'use strict';
const { url, authorize, explain } = require('./client');
const { eventRecorded, personChanged } = require('./triggers');
const { recordEvent, setProperties, addAlias, findPerson } = require('./actions');

const byKey = (...parts) => Object.fromEntries(parts.map((part) => [part.key, part]));

module.exports = {
  version: require('./package.json').version,
  platformVersion: require('./package.json').dependencies['zapier-platform-core'].replace('^', ''),
  authentication: {
    type: 'custom',
    fields: [
      { key: 'server_url', label: 'Server URL', required: true, helpText: 'Where your Sluice is, such as `https://sluice.example.com`.' },
      { key: 'api_key', label: 'API key', type: 'password', required: true, helpText: 'A secret key with the scopes `collect`, `people:read`, `events:read` and `webhooks:write`.' },
    ],
    test: async (z, bundle) => (await z.request({ url: url(bundle, '/v1/hooks'), params: { limit: 1 } })).data,
    connectionLabel: '{{bundle.authData.server_url}}',
  },
  beforeRequest: [authorize],
  afterResponse: [explain],
  triggers: byKey(eventRecorded, personChanged),
  searches: byKey(findPerson),
  creates: byKey(recordEvent, setProperties, addAlias),
};
