const { server } = require('../authentication');

// Fills the list of triggers in the editor; no Zap starts with it.
module.exports = {
  key: 'trigger',
  noun: 'Trigger',
  display: { label: 'Triggers', description: 'The triggers of the project.', hidden: true },
  operation: {
    type: 'polling',
    perform: async (z, bundle) => {
      const response = await z.request({ url: `${server(bundle)}/v1/triggers`, params: { limit: 1000 } });
      return response.json.data.map((row) => ({ id: row.id, name: row.name }));
    },
    sample: { id: 'trg_sample', name: 'Cart left' },
  },
};
