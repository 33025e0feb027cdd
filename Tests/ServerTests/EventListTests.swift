import AsyncHTTPClient
import Collect
import Model
import NIOCore
import NIOHTTP1
import Testing

@testable import Journal
@testable import Server

@Suite("Events of everybody: by pages, as lines, and as they come in")
struct EventListTests {
    private func collect(_ server: TestServer, _ count: Int) async throws {
        var events: [JSONValue] = []
        for number in 0..<count {
            let (identity, name) = ("i\(number % 7)", number % 3 == 0 ? "A" : "B")
            // Every time comes twice.
            let time = String(1_704_067_200 + number / 2)
            events.append([
                "identity": .string(identity), "event": .string(name), "timestamp": .string(time),
                "properties": ["n": JSONValue(Int64(number))],
            ])
        }
        try await server.collect(.array(events))
        try await server.collect([["type": "alias", "identity": "i1", "other": "i2"]])
    }

    private func seqs(_ answer: TestServer.Answer) -> [Int64] { answer.rows.compactMap { $0["seq"]?.intValue } }

    @Test(
        "Pages of any size are the same rows, forth and back, whatever arrives meanwhile", arguments: [1, 7, 50, 1_000])
    func pages(size: Int) async throws {
        try await withServer { server in
            try await collect(server, 60)
            var all: [Int64] = []
            var cursor: String?
            var back: String?
            repeat {
                let query = "?limit=\(size)" + (cursor.map { "&cursor=\($0)" } ?? "")
                let page = try await server.send(.GET, "/v1/events" + query, key: server.secretKey)
                all += seqs(page)
                cursor = page.json["next_cursor"]?.stringValue
                back = page.json["prev_cursor"]?.stringValue ?? back
                try await server.collect([["identity": "late", "event": "A"]])
            } while cursor != nil
            #expect(all == (1...60).reversed())
            if let back {
                let page = try await server.send(
                    .GET, "/v1/events?limit=\(size)&cursor=\(back)", key: server.secretKey)
                #expect(seqs(page).first.map { $0 > 60 % size } == true)
            }
        }
    }

    @Test("Filters, order, and the person of each event")
    func filters() async throws {
        try await withServer { server in
            try await collect(server, 60)
            func get(_ query: String) async throws -> TestServer.Answer {
                try await server.send(.GET, "/v1/events" + query, key: server.secretKey)
            }
            #expect(seqs(try await get("?event=A&limit=3")) == [58, 55, 52])
            #expect(seqs(try await get("?order=oldest&limit=3")) == [1, 2, 3])
            #expect(seqs(try await get("?from=1704067205&to=1704067207")) == [14, 13, 12, 11])
            #expect(seqs(try await get(#"?where=%7B%22property%22:%22n%22,%22lt%22:2%7D"#)) == [2, 1])
            #expect(seqs(try await get("?as_of_seq=2")) == [2, 1])
            #expect(seqs(try await get("?seq_from=58")) == [60, 59])
            let persons = try await get("?limit=7").rows.map { $0["person_id"]?.stringValue ?? "" }
            #expect(Set(persons).count == 6)
            for wrong in [
                "limit=0", "order=seq", "where=%7B%22person%22:%22n%22,%22is%22:1%7D", "cursor=p.b", "to=never",
                "seq_from=-1",
            ] {
                #expect(try await get("?\(wrong)").status == 400, "\(wrong)")
            }
        }
    }

    @Test("Lines come in the order of their numbers, and go on after any")
    func lines() async throws {
        try await withServer { server in
            try await collect(server, 60)
            func get(_ query: String) async throws -> (seqs: [Int64], asOf: String?) {
                let answer = try await server.send(
                    .GET, "/v1/events" + query, key: server.secretKey, headers: [("Accept", "application/x-ndjson")])
                #expect(answer.headers.first(name: "Content-Type") == "application/x-ndjson")
                let seqs = try answer.text.split(separator: "\n").compactMap { line in
                    try JSONValue(text: String(line))["seq"]?.intValue
                }
                return (seqs, answer.headers.first(name: "Sluice-As-Of-Seq"))
            }
            let all = try await get("")
            #expect(all.seqs == Array(1...60) && all.asOf == "61")
            #expect(try await get("?event=A&limit=2").seqs == [1, 4])
            #expect(try await get("?event=A&limit=2&seq_from=4").seqs == [7, 10])
            #expect(try await get("?seq_from=60").seqs == [])
        }
    }

    @Test("A walk by number reads each piece once, whatever is in it")
    func walk() {
        var walk = EventWalk(after: 5, through: 3_000_000, left: .max)
        var pieces: [EventWalk.Piece] = []
        while let piece = walk.next {
            pieces.append(piece)
            let isCrowded = piece.after < 100_000
            walk.took(isCrowded ? piece.limit : 3, last: isCrowded ? piece.after + 10_000 : piece.through)
        }
        #expect(pieces.first?.after == 5 && pieces.last?.through == 3_000_000)
        for (a, b) in zip(pieces, pieces.dropFirst()) {
            #expect(b.after == (a.after < 100_000 ? a.after + 10_000 : a.through))
        }
        #expect(pieces.count < 40)
    }

    /// Watches until so many events of the stream have come.
    private func watch(
        _ server: TestServer, _ query: String, until count: Int, _ begun: @Sendable () async throws -> Void
    ) async throws -> [(event: String, data: JSONValue)] {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(server.port)/v1/events/live\(query)")
        request.headers.add(name: "Authorization", value: "Bearer \(server.secretKey)")
        let response = try await server.client.execute(request, timeout: .seconds(300))
        let type = response.headers.first(name: "Content-Type")
        guard type == "text/event-stream" else {
            Issue.record("\(String(buffer: try await response.body.collect(upTo: 1 << 16)))")
            return []
        }
        var text = ""
        var hasBegun = false
        var found: [(event: String, data: JSONValue)] = []
        for try await part in response.body {
            text += String(buffer: part)
            if !hasBegun {
                hasBegun = true
                try await begun()
            }
            found = try text.components("\n\n").filter { $0.hasPrefix("event: ") }.map { block in
                let lines = block.components("\n")
                return (
                    String(lines[0].dropFirst(7)), try JSONValue(text: String(lines[lines.count - 1].dropFirst(6)))
                )
            }
            if found.count >= count { break }
        }
        return found
    }

    @Test("Who watches sees what becomes of each item")
    func live() async throws {
        try await withServer { server in
            let seen = try await watch(server, "", until: 4) {
                try await server.collect([
                    ["id": "e1", "identity": "ann", "event": "A", "properties": ["n": 1]],
                    ["id": "e1", "identity": "ann", "event": "A"], ["identity": "ann"],
                    ["type": "set", "identity": "ann", "properties": ["plan": "pro"]],
                ])
            }
            try #require(seen.map(\.event) == ["accepted", "duplicate", "rejected", "accepted"])
            #expect(seen[0].data["event"] == "A" && seen[0].data["properties"] == ["n": 1], "\(seen[0].data.text)")
            #expect(seen[1].data["seq"] == seen[0].data["seq"])
            #expect(seen[2].data["reason"] != nil && seen[2].data["raw"] != nil)
            #expect(seen[3].data["type"] == "set" && seen[3].data["protocol"] == "native")
            let some = try await watch(server, "?event=B&verdict=accepted", until: 1) {
                try await server.collect([["identity": "ann", "event": "A"], ["identity": "ann", "event": "B"]])
            }
            #expect(some.map { $0.data["event"] } == ["B"])
            #expect(try await server.send(.GET, "/v1/events/live?verdict=x", key: server.secretKey).status == 400)
        }
    }

    private func batch(_ count: Int) throws -> LiveFeed.Batch {
        let items = (0..<count).map { JSONValue.object([.init("identity", "a"), .init("event", .string("\($0)"))]) }
        let body = JSONValue.object([.init("events", .array(items))])
        let time = Timestamp(microseconds: 0)
        return LiveFeed.Batch(
            request: try NativeRequest.parse(json: Array(body.text.utf8), receivedAt: time, ids: IDGenerator()),
            receipt: Receipt(verdicts: (0..<count).map { .stored(Int64($0 + 1)) }, watermark: Int64(count)))
    }

    @Test("A slow reader is told how much it has missed, where it missed it")
    func slow() async throws {
        let feed = LiveFeed()
        let watcher = try #require(feed.watch())
        for _ in 0..<3 { watcher.offer(try batch(400)) }
        // Two fit; what comes after the third is lost until the two have been read.
        var shown: [String] = []
        func next() async {
            switch await watcher.next(within: .zero) {
            case .batch(let batch): shown.append("\(batch.request.submission.count)")
            case .lost(let count): shown.append("lost \(count)")
            case .pause: shown.append("pause")
            case .end: shown.append("end")
            }
        }
        await next()
        watcher.offer(try batch(1))
        for _ in 0..<2 { await next() }
        watcher.offer(try batch(2_000))
        for _ in 0..<2 { await next() }
        feed.close()
        await next()
        #expect(shown == ["400", "400", "lost 401", "2000", "pause", "end"])
        #expect(feed.watch() == nil)
    }
}

extension String {
    fileprivate func components(_ separator: String) -> [String] {
        var parts: [String] = []
        var rest = self[...]
        while let range = rest.firstRange(of: separator) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [String(rest)]
    }
}
