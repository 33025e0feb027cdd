/// Of messages that go one after another, those whose turn it is: of each key the first that is not done with.
enum OrderedClaim {
    /// How many that are due are looked at one by one. A receiver that refuses one person's messages has many that wait for the first.
    static let most = 2_000
    private static let mostKeys = 5_000

    /// - Parameter due: says of deliveries that they are due; `?4` is how many are wanted.
    static func first(_ due: String) -> String {
        """
        SELECT d.number FROM (
            SELECT number, endpoint, order_key, next_at FROM deliveries WHERE \(due) ORDER BY next_at, number LIMIT \(most)) d
        WHERE NOT EXISTS (SELECT 1 FROM deliveries e WHERE e.endpoint = d.endpoint AND e.order_key = d.order_key
            AND e.order_key IS NOT NULL AND e.state < 2 AND e.number < d.number)
        ORDER BY d.next_at, d.number LIMIT ?4
        """
    }

    /// The same from key to key: what waits behind a first one is not looked at.
    static let byKey = """
        WITH RECURSIVE keys (key) AS (
            SELECT min(order_key) FROM deliveries WHERE endpoint = ?1 AND order_key IS NOT NULL AND state < 2
            UNION ALL SELECT (SELECT min(order_key) FROM deliveries WHERE endpoint = ?1 AND order_key > keys.key
                AND order_key IS NOT NULL AND state < 2) FROM keys WHERE key IS NOT NULL LIMIT \(mostKeys))
        SELECT d.number FROM keys JOIN deliveries d ON d.number = (SELECT min(number) FROM deliveries
            WHERE endpoint = ?1 AND order_key = keys.key AND order_key IS NOT NULL AND state < 2)
        WHERE key IS NOT NULL AND d.state = 0 AND d.lane = ?2 AND d.next_at <= ?3 ORDER BY d.next_at, d.number LIMIT ?4
        """
}
