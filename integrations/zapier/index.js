// The whole app: how it logs in, what starts a Zap, what a Zap may look up and do.
const authentication = require('./authentication');
const event = require('./triggers/event');
const triggerFired = require('./triggers/trigger_fired');
const personIdentified = require('./triggers/person_identified');
const eventName = require('./triggers/event_name');
const trigger = require('./triggers/trigger');
const person = require('./searches/person');
const collectEvent = require('./creates/collect_event');
const setProperties = require('./creates/set_properties');
const { version, dependencies } = require('./package.json');

const byKey = (...parts) => Object.fromEntries(parts.map((part) => [part.key, part]));

module.exports = {
  version,
  platformVersion: dependencies['zapier-platform-core'],
  authentication: authentication.definition,
  beforeRequest: [authentication.addKey],
  afterResponse: [authentication.explain],
  triggers: byKey(event, triggerFired, personIdentified, eventName, trigger),
  searches: byKey(person),
  creates: byKey(collectEvent, setProperties),
};
