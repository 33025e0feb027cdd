const { collect } = require('../collect');

module.exports = {
  key: 'set_properties',
  noun: 'Person',
  display: { label: 'Set Properties', description: 'Sets properties of a person.' },
  operation: {
    inputFields: [
      { key: 'identity', label: 'Identity', required: true, type: 'string' },
      { key: 'properties', label: 'Properties', required: true, dict: true },
    ],
    perform: (z, bundle) =>
      collect(z, bundle, { type: 'set', identity: bundle.inputData.identity, properties: bundle.inputData.properties }),
    sample: { id: 'e1', status: 'accepted', seq: 1 },
  },
};
