internal import Control
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Journal
internal import Model
internal import NIOCore
internal import People

/// What is new or different since a poller asked last, by what was done, by merges, or by time alone.
enum ChangeRoutes {
    static let routes = [
        Route(
            .get, "/v1/changes", .scope(.peopleRead), columns: .asked, audit: .read("changes.list", of: "people"), list)
    ]

    /// A page of changes, and where the next one begins.
    struct Page {
        let rows: [[UInt8]]
        let next: ChangeCursor
        let hasMore: Bool
        let asOfSeq: Int64
        /// Of people: how many are still to be brought up to date, and will come then.
        var pending: Int64?
    }

    private static func list(_ exchange: Exchange) async throws -> Response {
        let dataset = exchange.query["dataset"] ?? ""
        let limit = try exchange.query.limit()
        let written = exchange.query["cursor"]
        let cursor = try written.flatMap { text throws(PeopleError) in
            text == "now" ? nil : try ChangeCursor(text)
        }
        let start = Start(cursor: cursor, isNow: written == "now", limit: limit)
        let page: Page
        switch dataset {
        case "people": page = try await PeopleChanges.page(exchange, start)
        case "events": page = try await events(exchange, start)
        case "segment": page = try await SegmentChanges.page(exchange, start)
        default: throw Problem.parameter("dataset", "must be people, segment or events")
        }
        exchange.note.of(dataset == "segment" ? "people" : dataset)
        exchange.note.rows(page.rows.count)
        return EventList.wantsLines(exchange.request) ? lines(page) : document(page)
    }

    /// Where a page begins.
    struct Start {
        /// Nil for the beginning, or for now.
        let cursor: ChangeCursor?
        /// Whether nothing is wanted but where it goes on from now.
        let isNow: Bool
        let limit: Int
    }

    private static func document(_ page: Page) -> Response {
        var out = Array("{\"data\":[".utf8)
        for (i, row) in page.rows.enumerated() {
            if i > 0 { out.append(UInt8(ascii: ",")) }
            out += row
        }
        var rest: [JSONValue.Member] = [
            .init("next_cursor", .string(page.next.text)), .init("has_more", .bool(page.hasMore)),
            .init("as_of_seq", JSONValue(page.asOfSeq)),
        ]
        if let pending = page.pending { rest.append(.init("pending", JSONValue(pending))) }
        out += Array("],\(JSONValue.object(rest).text.dropFirst())".utf8)
        return .json(bytes: out)
    }

    private static func lines(_ page: Page) -> Response {
        var headers: HTTPFields = [.contentType: "application/x-ndjson", .cacheControl: "no-store"]
        headers[.sluiceAsOfSeq] = String(page.asOfSeq)
        headers[.sluiceNextCursor] = page.next.text
        var out: [UInt8] = []
        for row in page.rows { out += row + [0x0a] }
        return Response(status: .ok, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: out)))
    }

    // MARK: Events

    /// Events in the order in which they were stored.
    private static func events(_ exchange: Exchange, _ start: Start) async throws -> Page {
        guard try exchange.requireCaller().scopes.allows(.eventsRead) else {
            throw Problem.forbidden("changes of events need the scope events:read, which this key lacks")
        }
        try exchange.requireColumns(EventRoutes.eventColumns)
        let runtime = try exchange.project()
        let through = try await runtime.pin(exchange)
        var after: Int64 = start.isNow ? through : 0
        if let cursor = start.cursor {
            guard case .events(let seq) = cursor, seq <= runtime.journal.durableSeq else {
                throw PeopleError.strangeCursor
            }
            after = seq
        }
        var rows: [[UInt8]] = []
        var walk = EventWalk(after: after, through: through, left: Int64(start.limit))
        while let piece = walk.next {
            let found = try await runtime.store.ask { connection, pinned in
                try PeopleReader(connection, pinned, asOf: through)
                    .events(EventFilter(), after: piece.after, through: piece.through, limit: piece.limit)
            }
            walk.took(found.count, last: found.last?.seq)
            for event in found {
                after = event.seq
                rows.append(event.json)
            }
        }
        // A page that is not full has seen everything.
        let isFull = rows.count == start.limit
        return Page(
            rows: rows, next: .events(isFull ? after : max(after, through)), hasMore: isFull && after < through,
            asOfSeq: through)
    }
}
