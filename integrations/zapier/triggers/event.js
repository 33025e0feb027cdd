const { hook } = require('../hook');

module.exports = {
  key: 'event',
  noun: 'Event',
  display: { label: 'New Event', description: 'Triggers when an event is collected, within a second.' },
  operation: {
    ...hook((bundle) => bundle.inputData.event),
    inputFields: [
      {
        key: 'event', label: 'Event', required: true, type: 'string', dynamic: 'event_name.id.name',
        helpText: 'The name of the event; * for all of them.',
      },
      {
        key: 'where', label: 'Condition', required: false, type: 'text',
        helpText: 'As JSON, for some of these events alone: `{"property": "amount", "gt": 100}`.',
      },
    ],
    sample: {
      id: 'msg_sample', type: 'event.recorded', timestamp: '2026-01-31T12:00:00.000000Z', seq: 1, event_id: 'e1',
      identity: 'ann@example.com', person_id: 'p_sample', event: 'Purchased', received_at: '2026-01-31T12:00:01.000000Z',
      properties: { amount: 42 },
    },
    outputFields: [
      { key: 'id', label: 'Message id' }, { key: 'event', label: 'Event' }, { key: 'identity', label: 'Identity' },
      { key: 'person_id', label: 'Person' }, { key: 'timestamp', label: 'When it happened', type: 'datetime' },
      { key: 'received_at', label: 'When it came', type: 'datetime' },
    ],
  },
};
