internal import Control
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Model
internal import People

/// Names of events and properties, and what was refused.
enum EventRoutes {
    static let routes = [
        Route(.get, "/v1/events/names", .scope(.eventsRead), columns: .asked, audit: .none, names),
        Route(.get, "/v1/rejects", .scope(.eventsRead), audit: .read("rejects.list", of: "rejects")) { exchange in
            let (limit, cursor) = (try exchange.query.limit(), exchange.query["cursor"])
            return try await exchange.read { reader in
                exchange.counted(try reader.rejects(limit: limit, cursor: cursor))
            }
        },
    ]

    /// What an event's document has.
    static let eventColumns = Set(Dataset.events.columns.map { ColumnExpression($0).need(in: .events) })

    /// There are few names (KISSmetrics allows 65,535), but a page is a page.
    private static func names(_ exchange: Exchange) async throws -> Response {
        let runtime = try exchange.project()
        let isOfProperties = exchange.query["kind"] == "property"
        try exchange.requireColumns(isOfProperties ? [.properties, .personProperties] : [.builtin(.event)])
        let limit = try exchange.query.limit()
        let offset = Int(try exchange.query.integer("cursor", in: 0...Int64(Int32.max)) ?? 0)
        _ = try await runtime.pin(exchange)
        // Names are only ever added at the end, so a place in the list stays what it is.
        let names: [StoredName]
        switch exchange.query["kind"] ?? "event" {
        case "event": names = try await runtime.store.eventNames()
        case "property": names = try await runtime.store.propertyNames()
        default: throw Problem.parameter("kind", "must be event or property")
        }
        let page = names.dropFirst(offset).prefix(limit)
        return .page(
            page.map { ["name": .string($0.name), "first_seq": JSONValue($0.firstSeq)] },
            next: offset + page.count < names.count ? String(offset + page.count) : nil)
    }
}
