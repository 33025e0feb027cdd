const { server } = require('../authentication');

module.exports = {
  key: 'person',
  noun: 'Person',
  display: { label: 'Find Person', description: 'Finds a person by an identity: an e-mail address, an id.' },
  operation: {
    inputFields: [{ key: 'identity', label: 'Identity', required: true, type: 'string' }],
    perform: async (z, bundle) => {
      const response = await z.request({
        url: `${server(bundle)}/v1/people`, params: { identity: bundle.inputData.identity }, skipThrowForStatus: true,
      });
      return response.status === 404 ? [] : [response.json];
    },
    sample: {
      id: 'p_sample', identities: ['ann@example.com'], properties: { plan: 'pro' },
      first_seen: '2026-01-01T12:00:00.000000Z', last_seen: '2026-01-31T12:00:00.000000Z', events_total: 7,
    },
    outputFields: [
      { key: 'id', label: 'Person' }, { key: 'events_total', label: 'Events', type: 'integer' },
      { key: 'first_seen', label: 'First seen', type: 'datetime' }, { key: 'last_seen', label: 'Last seen', type: 'datetime' },
    ],
  },
};
