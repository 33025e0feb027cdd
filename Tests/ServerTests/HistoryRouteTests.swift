import Model
import NIOHTTP1
import Testing

@Suite("A person's history is read both ways, filtered, and in sessions")
struct HistoryRouteTests {
    private func collect(_ server: TestServer) async throws {
        // Four sessions of three events, a day apart.
        let minutes = ["00", "30", "59"]
        var fixed: [JSONValue] = []
        for number in 0..<12 {
            let time = "2024-01-0\(number / 3 + 1)T10:\(minutes[number % 3]):00Z"
            let properties: JSONValue = number % 3 == 0 ? ["n": JSONValue(Int64(number))] : [:]
            fixed.append([
                "identity": "ann", "event": .string(number % 2 == 0 ? "A" : "B"), "timestamp": .string(time),
                "properties": properties,
            ])
        }
        try await server.collect(.array(fixed))
        try await server.collect([
            ["type": "set", "identity": "ann", "timestamp": "2024-01-02", "properties": ["plan": "pro", "gone": 1]],
            ["type": "set", "identity": "ann", "timestamp": "2024-01-03", "properties": ["gone": .null]],
        ])
    }

    private func seqs(_ answer: TestServer.Answer) -> [Int64] { answer.rows.compactMap { $0["seq"]?.intValue } }

    @Test("Pages lead forth and back, filters hold")
    func pages() async throws {
        try await withServer { server in
            try await collect(server)
            let person = try await server.send(.GET, "/v1/people?identity=ann", key: server.secretKey)
            let path = "/v1/people/\(person.json["id"]?.stringValue ?? "")"
            func get(_ query: String) async throws -> TestServer.Answer {
                try await server.send(.GET, path + query, key: server.secretKey)
            }
            let first = try await get("/events?limit=5")
            #expect(seqs(first) == [12, 11, 10, 9, 8] && first.json["prev_cursor"] == nil, "\(first.text)")
            let second = try await get("/events?limit=5&cursor=\(first.json["next_cursor"]?.stringValue ?? "")")
            #expect(seqs(second) == [7, 6, 5, 4, 3])
            let third = try await get("/events?limit=5&cursor=\(second.json["next_cursor"]?.stringValue ?? "")")
            #expect(seqs(third) == [2, 1] && third.json["next_cursor"] == .null)
            let back = try await get("/events?limit=5&cursor=\(third.json["prev_cursor"]?.stringValue ?? "")")
            #expect(seqs(back) == [7, 6, 5, 4, 3])
            let start = try await get("/events?limit=5&cursor=\(back.json["prev_cursor"]?.stringValue ?? "")")
            #expect(seqs(start) == [12, 11, 10, 9, 8] && start.json["prev_cursor"] == nil)
            #expect(seqs(try await get("/events?order=oldest&limit=3")) == [1, 2, 3])
            #expect(seqs(try await get("/events?event=A&limit=3")) == [11, 9, 7])
            #expect(seqs(try await get("/events?event=A&event=B&limit=1")) == [12])
            #expect(seqs(try await get("/events?from=2024-01-02&to=2024-01-03")) == [6, 5, 4])
            #expect(seqs(try await get("/events?property=n")) == [10, 7, 4, 1])
            #expect(
                seqs(try await get(#"/events?property=n&where=%7B%22property%22:%22n%22,%22gt%22:4%7D"#)) == [10, 7])
            for wrong in [
                "where=x", "where=%7B%22did%22:%22A%22%7D", "from=x", "order=up", "cursor=e.b",
                "from=2025-01-01&to=2024-01-01",
            ] {
                #expect(try await get("/events?\(wrong)").status == 400, "\(wrong)")
            }
        }
    }

    @Test("Sessions, and what else is known of a person")
    func timeline() async throws {
        try await withServer { server in
            try await collect(server)
            let made = try await server.send(
                .POST, "/v1/segments", key: server.secretKey,
                body: Array(#"{"name":"As","segment":{"did":"A","at_least":6}}"#.utf8))
            _ = try await server.send(
                .POST, "/v1/segments", key: server.secretKey,
                body: Array(#"{"name":"Bs","segment":{"did":"B","at_least":7}}"#.utf8))
            let person = try await server.send(
                .GET, "/v1/people?identity=ann&include=segments,property_times", key: server.secretKey)
            #expect(person.json["segments"]?.arrayValue?.map { $0["id"] } == [made.json["id"]], "\(person.text)")
            #expect(person.json["property_times"] == ["plan": "2024-01-02T00:00:00.000000Z"])
            let path = "/v1/people/\(person.json["id"]?.stringValue ?? "")"
            let again = try await server.send(.GET, path + "?include=segments", key: server.secretKey)
            #expect(again.json["segments"] == person.json["segments"] && again.json["property_times"] == nil)
            #expect(try await server.send(.GET, path + "?include=x", key: server.secretKey).status == 400)
            func sessions(_ query: String) async throws -> TestServer.Answer {
                try await server.send(.GET, path + "/timeline" + query, key: server.secretKey)
            }
            // The last break of a day is 29 minutes, the first one exactly 30.
            let page = try await sessions("?limit=3")
            #expect(page.rows.map { $0["events_total"] } == [3, 3, 3], "\(page.text)")
            #expect(page.rows[0]["events"]?.arrayValue?.map { $0["seq"] } == [10, 11, 12])
            #expect(page.rows[0]["duration_s"] == 3_540)
            let rest = try await sessions("?limit=3&cursor=\(page.json["next_cursor"]?.stringValue ?? "")")
            #expect(rest.rows.count == 1 && rest.json["next_cursor"] == .null)
            let short = try await sessions("?gap=29m")
            #expect(short.rows.map { $0["events_total"] } == [2, 1, 2, 1, 2, 1, 2, 1])
            #expect(try await sessions("?gap=2d").rows.count == 1)
            for wrong in ["gap=x", "limit=101", "cursor=e.b.b.b"] {
                #expect(try await sessions("?\(wrong)").status == 400)
            }
        }
    }
}
