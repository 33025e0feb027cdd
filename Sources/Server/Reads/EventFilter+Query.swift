internal import EventStore
internal import Model

extension Exchange {
    /// The filter that the query's parameters name: `event` (once for each name), `property`, `from`, `to`, `timezone` and
    /// `where`.
    func eventFilter() async throws -> EventFilter {
        let store = try project().store
        let timezone = query["timezone"] ?? "UTC"
        var filter = EventFilter()
        let names = query.all("event")
        if !names.isEmpty { filter.names = names }
        func moment(_ name: String) async throws -> Timestamp? {
            guard let text = query[name] else { return nil }
            do {
                return try await store.moment(text, path: name, timezone: timezone, now: receivedAt)
            } catch let error as QueryError {
                throw Problem.parameter(error.path, error.reason)
            }
        }
        filter.window = TimeWindow(from: try await moment("from"), to: try await moment("to"))
        if let from = filter.window.from, let to = filter.window.to, from > to {
            throw Problem.parameter("from", "(\(from.text)) is after \"to\" (\(to.text))")
        }
        var conditions: [JSONValue] = query.all("property").map { ["property": .string($0), "exists": true] }
        if let text = query["where"] {
            do throws(JSONError) { conditions.append(try JSONValue(text: text)) } catch {
                throw Problem.parameter("where", "is not JSON: \(error.reason) at byte \(error.offset)")
            }
        }
        guard !conditions.isEmpty else { return filter }
        var trees: [Condition] = []
        for json in conditions {
            trees.append(try await store.condition(json, path: "where", timezone: timezone, now: receivedAt).tree)
        }
        filter.condition = trees.count == 1 ? trees[0] : .all(trees)
        // What cannot be asked of an event is said before anything waits for a lane.
        _ = try filter.tests(asOf: 0)
        return filter
    }
}
