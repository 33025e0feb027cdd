'use strict';
const { url, collect } = require('./client');

const identity = {
  key: 'identity', label: 'Identity', required: true,
  helpText: 'An e-mail address, a user id or any other name of the person.',
};
const sample = { id: '17', accepted: 1, duplicates: 0, rejected: [], watermark: 17 };
const create = (key, noun, label, description, inputFields, item) => ({
  key, noun, display: { label, description },
  operation: { inputFields, perform: (z, bundle) => collect(z, bundle, item(bundle.inputData)), sample },
});

const recordEvent = create('record_event', 'Event', 'Record Event', 'Records an event of a person.', [
  identity,
  { key: 'event', label: 'Event name', required: true, helpText: 'Such as `Signed Up`.' },
  { key: 'properties', label: 'Properties', dict: true, helpText: 'What is to be known about the event.' },
  { key: 'timestamp', label: 'Time', type: 'datetime', helpText: 'When it happened; now if empty.' },
  { key: 'id', label: 'Deduplication id', helpText: 'An event with an id that was sent within seven days is not recorded again.' },
], (data) => ({
  identity: data.identity, event: data.event, properties: data.properties || {},
  ...(data.timestamp && { timestamp: data.timestamp }), ...(data.id && { id: data.id }),
}));

const setProperties = create('set_properties', 'Person', 'Set Person Properties', 'Sets properties of a person.', [
  identity,
  { key: 'properties', label: 'Properties', dict: true, required: true, helpText: 'Names and their new values.' },
], (data) => ({ type: 'set', identity: data.identity, properties: data.properties }));

const addAlias = create('add_alias', 'Alias', 'Add Alias', 'Ties two identities of one person together.', [
  identity,
  { key: 'other', label: 'Other identity', required: true, helpText: 'Another name of the same person.' },
], (data) => ({ type: 'alias', identity: data.identity, other: data.other }));

const findPerson = {
  key: 'find_person', noun: 'Person',
  display: { label: 'Find Person', description: 'Finds a person by an identity.' },
  operation: {
    inputFields: [identity],
    perform: async (z, bundle) => {
      const response = await z.request({ url: url(bundle, '/v1/people'), params: { identity: bundle.inputData.identity } });
      return response.status === 404 ? [] : [response.data];
    },
    sample: {
      id: 'p_b', identities: ['ann@example.com'], properties: { plan: 'pro' }, events_total: 2,
      first_seen: '2026-01-02T03:04:05.000000Z', last_seen: '2026-01-03T03:04:05.000000Z',
    },
  },
};

module.exports = { recordEvent, setProperties, addAlias, findPerson };
