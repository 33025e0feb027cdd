const { hook } = require('../hook');

// Which trigger it was is asked here, since a hook's condition looks at events.
const fired = hook(() => 'trigger.fired', () => ({}));
const isMeant = (bundle) => (message) => !bundle.inputData.trigger || message.trigger.id === bundle.inputData.trigger;

module.exports = {
  key: 'trigger_fired',
  noun: 'Firing',
  display: { label: 'Trigger Fired', description: 'Triggers when a trigger of yours fires: a cart that was left, a score that fell.' },
  operation: {
    ...fired,
    perform: (z, bundle) => fired.perform(z, bundle).filter(isMeant(bundle)),
    performList: async (z, bundle) => (await fired.performList(z, bundle)).filter(isMeant(bundle)),
    inputFields: [
      { key: 'trigger', label: 'Trigger', required: false, type: 'string', dynamic: 'trigger.id.name', helpText: 'All of them if not said.' },
    ],
    sample: {
      id: 'msg_sample', type: 'trigger.fired', timestamp: '2026-01-31T12:30:00.000000Z',
      trigger: { id: 'trg_sample', name: 'Cart left', version: 1 }, instance_id: 'ti_sample', person_id: 'p_sample',
      identity: 'ann@example.com', event: null, fired_at: '2026-01-31T12:30:00.000000Z', late_by_s: 0,
    },
    outputFields: [
      { key: 'id', label: 'Message id' }, { key: 'trigger__name', label: 'Trigger' }, { key: 'identity', label: 'Identity' },
      { key: 'person_id', label: 'Person' }, { key: 'fired_at', label: 'When it fired', type: 'datetime' },
    ],
  },
};
