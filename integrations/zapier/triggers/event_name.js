const { server } = require('../authentication');

// Fills the list of events in the editor; no Zap starts with it.
module.exports = {
  key: 'event_name',
  noun: 'Event name',
  display: { label: 'Event names', description: 'The names of events.', hidden: true },
  operation: {
    type: 'polling',
    perform: async (z, bundle) => {
      const response = await z.request({ url: `${server(bundle)}/v1/events/names`, params: { limit: 1000 } });
      return response.json.data.map((row) => ({ id: row.name, name: row.name }));
    },
    sample: { id: 'Purchased', name: 'Purchased' },
  },
};
