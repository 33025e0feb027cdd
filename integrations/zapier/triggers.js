'use strict';
const { url } = require('./client');

const event = {
  id: 'msg_sample', type: 'event.recorded', timestamp: '2026-01-02T03:04:05.000000Z',
  data: {
    seq: 1, event_id: '0190a000-0000-7000-8000-000000000000', identity: 'ann@example.com', person_id: 'p_b',
    event: 'Signed Up', timestamp: '2026-01-02T03:04:05.000000Z', received_at: '2026-01-02T03:04:05.000000Z',
    properties: { plan: 'pro' },
  },
};

const eventRecorded = {
  key: 'event_recorded', noun: 'Event',
  display: { label: 'Event Recorded', description: 'Triggers as soon as an event is recorded.' },
  operation: {
    type: 'hook',
    inputFields: [{
      key: 'event', label: 'Event name', required: true, default: '*',
      helpText: 'The name of the event exactly as it is recorded, such as `Signed Up`; `*` is every event.',
    }],
    performSubscribe: async (z, bundle) => (await z.request({
      url: url(bundle, '/v1/hooks'), method: 'POST',
      body: { target_url: bundle.targetUrl, event: bundle.inputData.event },
    })).data,
    performUnsubscribe: async (z, bundle) => {
      await z.request({
        url: url(bundle, `/v1/hooks/${encodeURIComponent(bundle.subscribeData.id)}`), method: 'DELETE',
      });
      return {};
    },
    // The message's id is the same at every attempt, so that Zapier leaves out what it has had.
    perform: async (z, bundle) => [bundle.cleanedRequest],
    performList: async (z, bundle) => (await z.request({
      url: url(bundle, '/v1/hooks/samples'), params: { event: bundle.inputData.event },
    })).data,
    sample: event,
  },
};

const PAGES = 20;

const personChanged = {
  key: 'person_changed', noun: 'Person',
  display: { label: 'Person Changed', description: 'Triggers when a person is new or has changed.' },
  operation: {
    type: 'polling',
    // Changes come oldest first, Zapier wants the newest first, with an id that is new at every change.
    perform: async (z, bundle) => {
      let found = [];
      let cursor;
      for (let page = 0; page < PAGES; page += 1) {
        const { data } = await z.request({
          url: url(bundle, '/v1/changes'), params: { dataset: 'people', limit: 1000, ...(cursor && { cursor }) },
        });
        found = found.concat(data.data).slice(-100);
        cursor = data.next_cursor;
        if (!data.has_more) break;
      }
      return found.reverse().map((change) => ({ id: `${change.person_id}:${change.change_seq}`, ...change }));
    },
    sample: { id: 'p_b:5', change: 'changed', person_id: 'p_b', change_seq: 5 },
  },
};

module.exports = { eventRecorded, personChanged };
