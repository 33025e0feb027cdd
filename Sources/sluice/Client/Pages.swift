import Model

extension APIClient {
    /// Reads a list page by page, at most `limit` rows if that is given.
    func pages(_ path: String, query: [(String, String)], limit: Int? = nil) async throws -> [JSONValue] {
        var rows: [JSONValue] = []
        var cursor: String?
        repeat {
            var pairs = query
            if let limit { pairs.append(("limit", String(min(limit - rows.count, 1000)))) }
            if let cursor { pairs.append(("cursor", cursor)) }
            let page = try await json(.get, path + PercentEncoding.query(pairs))
            guard let data = page["data"]?.arrayValue else {
                throw Failure(.failed, "\(name): the answer of \(path) has no list \"data\"; is that a Sluice server?")
            }
            rows += data
            cursor = page["next_cursor"]?.stringValue
        } while cursor != nil && rows.count < limit ?? .max
        return rows
    }
}
