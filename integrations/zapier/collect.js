const { server } = require('./authentication');

// Without what is empty: an empty text is a value, and an empty timestamp is none.
const said = (members) => Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined && value !== ''));

// Sends one item; what the server refuses is an error that says why.
const collect = async (z, bundle, item) => {
  // Tried again, it is the same item.
  const id = item.id || `zapier-${bundle.meta?.zap?.id ?? 'test'}-${z.hash('sha256', JSON.stringify(item) + (item.timestamp || Date.now()))}`;
  const response = await z.request({
    method: 'POST', url: `${server(bundle)}/v1/events`, body: { events: [said({ ...item, id })] },
  });
  const [refused] = response.json.rejected;
  if (refused) throw new z.errors.Error(refused.reason, 'Rejected', 400);
  return { id, status: response.json.duplicates ? 'duplicate' : 'accepted', seq: response.json.watermark };
};

module.exports = { collect };
