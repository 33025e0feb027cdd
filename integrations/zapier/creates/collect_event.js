const { collect } = require('../collect');

module.exports = {
  key: 'collect_event',
  noun: 'Event',
  display: { label: 'Collect Event', description: 'Records that somebody did something.' },
  operation: {
    inputFields: [
      { key: 'identity', label: 'Identity', required: true, type: 'string' },
      { key: 'event', label: 'Event', required: true, type: 'string', dynamic: 'event_name.id.name' },
      { key: 'timestamp', label: 'When', required: false, type: 'datetime', helpText: 'Now if not said.' },
      { key: 'properties', label: 'Properties', required: false, dict: true },
      { key: 'event_id', label: 'Id', required: false, type: 'string', helpText: 'The same id is collected once.' },
    ],
    perform: (z, bundle) => {
      const { identity, event, timestamp, properties, event_id: id } = bundle.inputData;
      return collect(z, bundle, { id, identity, event, timestamp, properties });
    },
    sample: { id: 'e1', status: 'accepted', seq: 1 },
  },
};
