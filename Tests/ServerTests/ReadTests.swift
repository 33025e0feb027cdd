import Model
import NIOHTTP1
import Server
import Testing

@Suite("Reads see what was written, page by page")
struct ReadTests {
    @Test("A list has the same rows at any page size")
    func pages() async throws {
        try await withServer { server in
            var events: [JSONValue] = []
            for i in 0..<25 {
                events.append([
                    "identity": "ann", "event": .string("E\(i)"), "timestamp": JSONValue(1_700_000_000 + i / 3),
                ])
            }
            for _ in 0..<7 { events.append(["identity": "", "event": "refused"]) }
            try await server.collect(.array(events))
            for path in ["/v1/people/p_b/events", "/v1/rejects", "/v1/events/names"] {
                let whole = try await server.send(.GET, path + "?limit=1000", key: server.secretKey)
                #expect(whole.json["next_cursor"] == .null)
                for size in [1, 3, 25] {
                    var rows: [JSONValue] = []
                    var cursor: String? = ""
                    while let at = cursor {
                        let suffix = at.isEmpty ? "" : "&cursor=\(at)"
                        let page = try await server.send(.GET, "\(path)?limit=\(size)\(suffix)", key: server.secretKey)
                        rows += page.rows
                        cursor = page.json["next_cursor"]?.stringValue
                    }
                    #expect(rows == whole.rows, "\(path) by \(size)")
                }
                for bad in ["limit=0", "limit=1001", "limit=x", "cursor=nonsense!"] {
                    #expect(
                        try await server.send(.GET, "\(path)?\(bad)", key: server.secretKey).status == 400,
                        "\(path) \(bad)")
                }
            }
        }
    }

    @Test("A merged person's id leads to the one that stands, and an undone alias parts them")
    func merge() async throws {
        try await withServer { server in
            try await server.collect([
                ["identity": "old", "event": "A"], ["identity": "young", "event": "B"],
                ["type": "alias", "identity": "young", "other": "old"],
            ])
            let moved = try await server.send(.GET, "/v1/people/p_c/events?limit=1", key: server.secretKey)
            #expect(moved.status == 307)
            #expect(moved.headers.first(name: "Location") == "/v1/people/p_b/events?limit=1")
            let undone = try await server.send(.POST, "/v1/aliases/3/undo", key: server.secretKey)
            #expect(undone.json == ["seq": 3, "undone_seq": 4])
            let apart = try await server.send(.GET, "/v1/people?identity=young", key: server.secretKey)
            #expect(apart.json["id"] == "p_c")
            #expect(try await server.send(.POST, "/v1/aliases/3/undo", key: server.secretKey).status == 409)
            #expect(try await server.send(.POST, "/v1/aliases/2/undo", key: server.secretKey).status == 404)
            #expect(try await server.send(.POST, "/v1/aliases/x/undo", key: server.secretKey).status == 400)
            let aliases = try await server.send(.GET, "/v1/aliases", key: server.secretKey)
            #expect(aliases.rows.map { $0["undone_seq"] } == [4])
        }
    }

    @Test("A property is read as its history, its first, its last, or at a time")
    func properties() async throws {
        try await withServer { server in
            try await server.collect([
                ["type": "set", "identity": "ann", "timestamp": 1_700_000_000, "properties": ["plan": "free"]],
                ["type": "set", "identity": "ann", "timestamp": 1_700_000_100, "properties": ["plan": "pro"]],
            ])
            let path = "/v1/people/p_b/properties/plan"
            for (query, value) in [("first", "free"), ("last", "pro"), ("1700000050", "free"), ("1700000100", "pro")] {
                let answer = try await server.send(.GET, "\(path)?at=\(query)", key: server.secretKey)
                #expect(answer.json["value"]?.stringValue == value, "\(query)")
            }
            #expect(try await server.send(.GET, "\(path)?at=1600000000", key: server.secretKey).status == 404)
            #expect(
                try await server.send(.GET, path, key: server.secretKey).rows.map { $0["value"] } == ["pro", "free"])
        }
    }

    @Test("wait_seq that nobody has been told of is refused at once")
    func waiting() async throws {
        try await withServer({ $0.readWait = .milliseconds(50) }) { server in
            try await server.collect([["identity": "ann", "event": "A"]])
            let ahead = try await server.send(.GET, "/v1/people?wait_seq=99", key: server.secretKey)
            #expect(ahead.status == 400)
            #expect(ahead.json["parameter"] == "wait_seq")
            // What is on its way comes, however slow the machine is.
            var answer = try await server.send(.GET, "/v1/people?wait_seq=1", key: server.secretKey)
            while answer.status == 503 {
                answer = try await server.send(.GET, "/v1/people?wait_seq=1", key: server.secretKey)
            }
            #expect(answer.rows.count == 1)
        }
    }

    @Test("Nobody is 404, and an unknown path or method says so")
    func absent() async throws {
        try await withServer { server in
            for path in [
                "/v1/people?identity=nobody", "/v1/people/p_zz", "/v1/people/nonsense", "/v1/exports/exp_x", "/nope",
            ] {
                let answer = try await server.send(.GET, path, key: server.secretKey)
                #expect(answer.status == 404, "\(path)")
                #expect(answer.json["code"] == "not_found")
            }
            let put = try await server.send(.PUT, "/v1/people", key: server.secretKey)
            #expect(put.status == 405)
            #expect(put.headers.first(name: "Allow") == "GET, HEAD, OPTIONS")
            let head = try await server.send(.HEAD, "/v1/people", key: server.secretKey)
            #expect(head.status == 200 && head.body.isEmpty)
        }
    }
}
