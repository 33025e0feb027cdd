// A REST hook of the server: subscribed, unsubscribed, and with samples of what it sends.
const { server } = require('./authentication');

// The message as a Zap sees it: its id at the top, by which Zapier knows what it has seen.
const flat = (message) => ({ id: message.id, type: message.type, timestamp: message.timestamp, ...message.data });

const condition = (bundle) => {
  const text = (bundle.inputData.where || '').trim();
  return text ? { where: JSON.parse(text) } : {};
};

const hook = (name, where = condition) => ({
  type: 'hook',
  performSubscribe: async (z, bundle) => {
    const response = await z.request({
      method: 'POST', url: `${server(bundle)}/v1/hooks`,
      body: { target_url: bundle.targetUrl, event: name(bundle), ...where(bundle) },
    });
    // Kept as bundle.subscribeData until it is unsubscribed.
    return response.json;
  },
  performUnsubscribe: async (z, bundle) => {
    await z.request({
      method: 'DELETE', url: `${server(bundle)}/v1/hooks/${encodeURIComponent(bundle.subscribeData.id)}`,
    });
    return {};
  },
  perform: (z, bundle) => [flat(bundle.cleanedRequest)],
  performList: async (z, bundle) => {
    const response = await z.request({
      url: `${server(bundle)}/v1/hooks/samples`, params: { event: name(bundle), limit: 3 },
    });
    return response.json.map(flat);
  },
});

module.exports = { hook, flat };
