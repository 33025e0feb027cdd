import Model
import NIOHTTP1
import Testing

@Suite("The catalogue has what is stored, and what is said of it")
struct CatalogueTests {
    private func collect(_ server: TestServer) async throws {
        try await server.collect([
            ["identity": "ann", "event": "A", "timestamp": "2024-01-02", "properties": ["n": 1, "t": "2024-05-01"]],
            [
                "identity": "ann", "event": "B", "timestamp": "2024-01-01",
                "properties": ["n": "x", "l": [1], "o": ["a": 1]],
            ],
            [
                "identity": "bob", "event": "A", "timestamp": "2024-01-04",
                "properties": ["n": 2, "b": true, "z": .null],
            ],
            ["type": "set", "identity": "ann", "timestamp": "2024-01-03", "properties": ["plan": "pro", "n": 7]],
            ["type": "set", "identity": "ann", "timestamp": "2024-01-05", "properties": ["plan": .null]],
        ])
    }

    private func get(_ server: TestServer, _ path: String) async throws -> TestServer.Answer {
        try await server.send(.GET, "/v1/catalogue/" + path, key: server.secretKey)
    }

    @Test("Counts, times and types, and they go on")
    func counts() async throws {
        try await withServer { server in
            try await collect(server)
            let events = try await get(server, "events")
            #expect(events.rows.map { $0["name"]?.stringValue } == ["A", "B"], "\(events.text)")
            #expect(events.rows.map { $0["count"] } == [2, 1] && events.json["as_of_seq"] == 5)
            #expect(events.rows[0]["first_seen"] == "2024-01-02T00:00:00.000000Z")
            #expect(events.rows[0]["last_seen"] == "2024-01-04T00:00:00.000000Z")
            let properties = try await get(server, "properties")
            let told = properties.rows.map { row in
                "\(row["of"]?.stringValue ?? "").\(row["name"]?.stringValue ?? "") \(row["type"]?.stringValue ?? "-") "
                    + "\(row["types"]?.text ?? "") \(row["events"]?.text ?? "")"
            }
            #expect(
                told == [
                    #"event.b boolean {"boolean":1} ["A"]"#, #"event.l list {"list":1} ["B"]"#,
                    #"event.n mixed {"text":1,"number":2} ["A","B"]"#, #"person.n number {"number":1} "#,
                    #"event.o object {"object":1} ["B"]"#, #"person.plan text {"text":1,"null":1} "#,
                    #"event.t time {"time":1} ["A"]"#, #"event.z - {"null":1} ["A"]"#,
                ])
            try await server.collect([["identity": "bob", "event": "B", "properties": ["n": .number("1.5")]]])
            #expect(try await get(server, "events").rows.map { $0["count"] } == [2, 2])
            #expect(try await get(server, "properties?of=person").rows.count == 2)
            var pages: [String] = []
            var cursor = ""
            repeat {
                let page = try await get(server, "properties?limit=3\(cursor)")
                pages += page.rows.compactMap { $0["name"]?.stringValue }
                cursor = page.json["next_cursor"]?.stringValue.map { "&cursor=\($0)" } ?? ""
            } while !cursor.isEmpty
            #expect(pages == ["b", "l", "n", "n", "o", "plan", "t", "z"])
            #expect(try await get(server, "properties?cursor=x").status == 400)
            #expect(try await get(server, "properties?q=la").rows.map { $0["name"] } == ["plan"])
        }
    }

    @Test("What is said stays until it is said otherwise, also of what has not come yet")
    func notes() async throws {
        try await withServer { server in
            try await collect(server)
            func put(_ path: String, _ body: String) async throws -> TestServer.Answer {
                try await server.send(.PUT, "/v1/catalogue/" + path, key: server.secretKey, body: Array(body.utf8))
            }
            let said = try await put("events/A", #"{"description":"First","owner":"growth","milestone":true}"#)
            #expect(said.status == 200 && said.json["churn_signal"] == false, "\(said.text)")
            #expect(try await put("events/A", #"{"churn_signal":true,"owner":null}"#).json["description"] == "First")
            _ = try await put("events/Not%20yet%2F1", #"{"milestone":true}"#)
            _ = try await put("properties/plan?of=person", #"{"description":"What they pay for"}"#)
            _ = try await put("properties/plan", #"{"description":"Another"}"#)
            let events = try await get(server, "events").rows
            #expect(events.map { $0["name"] } == ["A", "B", "Not yet/1"])
            #expect(events[0]["owner"] == "" && events[0]["milestone"] == true && events[0]["churn_signal"] == true)
            #expect(events[2]["count"] == 0 && events[2]["first_seen"] == .null)
            #expect(try await get(server, "events?marked=churn_signal").rows.map { $0["name"] } == ["A"])
            let plans = try await get(server, "properties?q=plan").rows
            #expect(plans.map { $0["description"] } == ["Another", "What they pay for"])
            for wrong in [#"{"milestone":1}"#, #"{"name":"x"}"#, "[]"] {
                #expect(try await put("events/A", wrong).status == 400)
            }
            #expect(try await put("properties/x?of=y", "{}").status == 400)
        }
    }
}
