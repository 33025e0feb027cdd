internal import Control
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Model
internal import NIOCore
internal import People

/// Events of everybody: by pages as JSON, or all of them as a stream of lines.
enum EventList {
    static let routes = [
        Route(
            .get, "/v1/events", .scope(.eventsRead), columns: .always(EventRoutes.eventColumns),
            audit: .read("events.list", of: "events"), list)
    ]

    private static func list(_ exchange: Exchange) async throws -> Response {
        let filter = try await exchange.eventFilter()
        let after = try exchange.query.integer("seq_from", in: 0...Int64.max) ?? 0
        let isOldestFirst = try exchange.query.choice("order", ["newest", "oldest"]) == "oldest"
        if wantsLines(exchange.request) {
            guard exchange.query["cursor"] == nil else {
                throw Problem.parameter("cursor", "does not go with lines; seq_from goes on after the last one's seq")
            }
            return try await stream(exchange, filter, after: after)
        }
        let (limit, cursor) = (try exchange.query.limit(), exchange.query["cursor"])
        let seq = try await exchange.asOfSeq(nil)
        let page = try await exchange.project().store.ask { connection, pinned in
            exchange.counted(
                try PeopleReader(connection, pinned, asOf: seq)
                    .events(filter, after: after, isOldestFirst: isOldestFirst, limit: limit, cursor: cursor))
        }
        return .json(bytes: page)
    }

    static func wantsLines(_ request: Request) -> Bool {
        let accept = request.headers[.accept]?.lowercased() ?? ""
        return ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"]
            .contains { accept.contains($0) }
    }

    /// Lines in the order of their `seq`, read piece by piece: no connection to the store is held while a reader takes its
    /// time. What comes in meanwhile is not among them; `seq_from` goes on after a line.
    private static func stream(
        _ exchange: Exchange, _ filter: EventFilter, after: Int64
    ) async throws -> Response {
        let store = try exchange.project().store
        let through = try await exchange.asOfSeq(nil)
        let limit = try exchange.query.integer("limit", in: 1...Int64.max) ?? .max
        var headers: HTTPFields = [.contentType: "application/x-ndjson", .cacheControl: "no-store"]
        headers[.sluiceAsOfSeq] = String(through)
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody { writer in
                var rows = 0
                do {
                    var walk = EventWalk(after: after, through: through, left: limit)
                    while let piece = walk.next {
                        let found = try await store.ask { connection, pinned in
                            try PeopleReader(connection, pinned, asOf: through)
                                .events(filter, after: piece.after, through: piece.through, limit: piece.limit)
                        }
                        walk.took(found.count, last: found.last?.seq)
                        if found.isEmpty { continue }
                        rows += found.count
                        var lines: [UInt8] = []
                        for event in found {
                            event.write(to: &lines)
                            lines.append(0x0a)
                        }
                        try await writer.write(ByteBuffer(bytes: lines))
                    }
                } catch {
                    exchange.noteEnd("events.list", of: "events", rows: rows)
                    throw error
                }
                // Before the end is sent: who has all of it finds its entry.
                exchange.noteEnd("events.list", of: "events", rows: rows)
                try await writer.finish(nil)
            })
    }
}

/// Cuts a range of `seq` into pieces that are neither large nor many: each is read as far as it has rows enough, and what has
/// few makes the next one wider.
struct EventWalk {
    struct Piece: Equatable {
        let after: Int64
        let through: Int64
        let limit: Int
    }

    /// The most rows of a piece.
    static let rows = 10_000
    private static let widths = Int64(20_000)...Int64(2_000_000)

    private var after: Int64
    private let through: Int64
    private var left: Int64
    private var width = widths.lowerBound

    init(after: Int64, through: Int64, left: Int64) {
        self.after = after
        self.through = through
        self.left = left
    }

    /// The piece to read; nil at the end.
    var next: Piece? {
        guard after < through, left > 0 else { return nil }
        return Piece(
            after: after, through: through - after > width ? after + width : through,
            limit: Int(min(Int64(Self.rows), left)))
    }

    /// Notes what the piece had.
    mutating func took(_ count: Int, last: Int64?) {
        guard let piece = next else { return }
        left -= Int64(count)
        let isFull = count == piece.limit
        after = isFull ? last ?? piece.through : piece.through
        if isFull {
            width = max(width / 2, Self.widths.lowerBound)
        } else if count < Self.rows / 4 {
            width = min(width * 2, Self.widths.upperBound)
        }
    }
}
