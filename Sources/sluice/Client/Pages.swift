import Model

/// The rows of a list, or of its beginning.
struct ListRows: Sendable {
    let rows: [JSONValue]
    /// Where the list goes on; nil at its end.
    let next: String?

    /// The shape that the server's lists have.
    var json: JSONValue { .object([.init("data", .array(rows)), .init("next_cursor", JSONValue(next))]) }
}

extension APIClient {
    /// Reads a list page by page, at most `limit` rows if that is given, from `start` on.
    func pages(
        _ path: String, query: [(String, String)], limit: Int? = nil, from start: String? = nil
    ) async throws -> ListRows {
        var rows: [JSONValue] = []
        var cursor = start
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
        return ListRows(rows: rows, next: cursor)
    }
}
