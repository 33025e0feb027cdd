const { hook } = require('../hook');

module.exports = {
  key: 'person_identified',
  noun: 'Person',
  display: { label: 'New Person', description: 'Triggers when somebody is identified for the first time.' },
  operation: {
    ...hook(() => 'person.identified', () => ({})),
    inputFields: [],
    sample: {
      id: 'msg_sample', type: 'person.identified', timestamp: '2026-01-31T12:00:00.000000Z',
      trigger: { id: 'sluice', name: 'person.identified', version: 1 }, instance_id: 'ti_sample', person_id: 'p_sample',
      identity: 'ann@example.com', event: null, fired_at: '2026-01-31T12:00:00.000000Z', late_by_s: 0,
    },
    outputFields: [
      { key: 'id', label: 'Message id' }, { key: 'identity', label: 'Identity' }, { key: 'person_id', label: 'Person' },
    ],
  },
};
