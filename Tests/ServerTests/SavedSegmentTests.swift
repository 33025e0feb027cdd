import Model
import NIOHTTP1
import Testing

@Suite("People are searched, looked up and kept as segments")
struct SavedSegmentTests {
    private func collect(_ server: TestServer) async throws {
        try await server.collect([
            ["identity": "ann", "event": "Buy", "timestamp": "2024-01-02", "properties": ["amount": 10]],
            ["identity": "ann", "event": "Buy", "timestamp": "2024-01-09", "properties": ["amount": 30]],
            ["type": "set", "identity": "ann", "properties": ["plan": "pro"]],
            ["identity": "bob", "event": "Buy", "timestamp": "2024-01-03"],
            ["identity": "cid", "event": "Visit", "timestamp": "2024-01-03"],
            ["type": "alias", "identity": "bob", "other": "cookie"],
        ])
    }

    private func post(_ server: TestServer, _ path: String, _ body: JSONValue, key: String? = nil) async throws
        -> TestServer.Answer
    {
        try await server.send(.POST, path, key: key ?? server.secretKey, body: Array(body.text.utf8))
    }

    private func names(_ answer: TestServer.Answer) -> [String] {
        answer.rows.compactMap { $0["identities"]?.arrayValue?.first?.stringValue }
    }

    @Test("Search: by pages of one answer, whatever arrives meanwhile")
    func search() async throws {
        try await withServer { server in
            try await collect(server)
            let buyers: JSONValue = ["segment": ["did": "Buy"], "limit": 1]
            let first = try await post(server, "/v1/people/search", buyers)
            #expect(names(first) == ["ann"] && first.json["count"] == 2, "\(first.text)")
            #expect(first.json["as_of_seq"] == 6)
            try await server.collect([["identity": "cid", "event": "Buy"], ["identity": "dan", "event": "Buy"]])
            let cursor = try #require(first.json["next_cursor"])
            let next = try await post(
                server, "/v1/people/search", ["segment": ["did": "Buy"], "limit": 10, "cursor": cursor])
            #expect(names(next) == ["bob"] && next.json["next_cursor"] == .null, "\(next.text)")
            let other = try await post(server, "/v1/people/search", ["segment": ["did": "Visit"], "cursor": cursor])
            #expect(other.status == 400 && other.json["parameter"] == "cursor")
            let now = try await post(server, "/v1/people/search", ["segment": ["did": "Buy"]])
            #expect(names(now) == ["ann", "bob", "cid", "dan"])
            let then = try await post(server, "/v1/people/search?as_of_seq=2", ["segment": ["did": "Buy"]])
            #expect(names(then) == ["ann"])
            let window: JSONValue = [
                "segment": ["did": "Buy", "within": "2d"], "as_of": "2024-01-05", "timezone": "Europe/Berlin",
            ]
            #expect(names(try await post(server, "/v1/people/search", window)) == ["bob"])
        }
    }

    @Test(
        "What cannot be asked says where",
        arguments: [
            (#"{}"#, "\"segment\" is missing"), (#"{"segment":{"x":1}}"#, "segment: a condition needs one of"),
            (#"{"segment":{"did":"A","where":{"did":"B"}}}"#, "segment.where: \"did\" asks about the person"),
            (#"{"segment":"seg_none"}"#, "segment.segment: there is no segment seg_none"),
            (#"{"segment":{"any":[{"segment":"s","version":0}]}}"#, "segment.any[0].version: a segment's version"),
            (#"{"segment":{"did":"A"},"limit":0}"#, "\"limit\" is a whole number from 1 to 1000"),
            (#"{"segment":{"did":"A"},"timezone":"Mars/Base"}"#, "timezone: there is no zone \"Mars/Base\""),
            (#"{"segment":{"did":"A"},"where":1}"#, "there is no field \"where\""),
            (#"{"segment":{"did":"A"},"cursor":"x"}"#, "cursor: The cursor is none"),
            (#"{"segment":{"did":"A"},"as_of":"some day"}"#, "as_of: \"some day\" is no time"),
        ])
    func refusals(_ body: String, _ detail: String) async throws {
        try await withServer { server in
            let answer = try await server.send(
                .POST, "/v1/people/search", key: server.secretKey, body: Array(body.utf8))
            #expect(answer.status == 400)
            #expect(answer.json["detail"]?.stringValue?.hasPrefix(detail) == true, "\(answer.text)")
        }
    }

    @Test("Batch: an answer for each identity, in their order")
    func batch() async throws {
        try await withServer { server in
            try await collect(server)
            let asked: JSONValue = ["identities": ["cookie", "nobody", "ann", "bob", "cookie"]]
            let answer = try await post(server, "/v1/people/batch", asked)
            #expect(answer.rows.map { $0["identity"]?.stringValue } == ["cookie", "nobody", "ann", "bob", "cookie"])
            #expect(answer.rows.map { $0["found"] == true } == [true, false, true, true, true])
            #expect(answer.rows[0]["person"] == answer.rows[3]["person"] && answer.rows[1]["person"] == .null)
            let alone = try await server.send(
                .GET, "/v1/people?identity=cookie&include=computed", key: server.secretKey)
            #expect(answer.rows[0]["person"] == alone.json)
            let few: JSONValue = ["identities": ["ann", "nobody"], "columns": ["identities", "properties.plan"]]
            let some = try await post(server, "/v1/people/batch", few).rows.map { $0["person"] }
            #expect(some == [["identities": ["ann"], "properties.plan": "pro"], .null])
            for columns in [[], ["count(Buy)"], ["person.x::double"], ["properties.*"], ["none"]] as [[String]] {
                let wrong: JSONValue = ["identities": ["ann"], "columns": .array(columns.map { .string($0) })]
                #expect(try await post(server, "/v1/people/batch", wrong).status == 400, "\(columns)")
            }
            let many = JSONValue.array((0...1_000).map { .string("i\($0)") })
            #expect(try await post(server, "/v1/people/batch", ["identities": many]).status == 400)
            #expect(try await post(server, "/v1/people/batch", ["identities": [1]]).status == 400)
        }
    }

    @Test("A segment has versions, and is changed only as the one that was read")
    func versions() async throws {
        try await withServer { server in
            try await collect(server)
            let made = try await post(server, "/v1/segments", ["name": "Buyers", "segment": ["did": "Buy"]])
            #expect(made.status == 201 && made.headers.first(name: "ETag") == "\"v1\"", "\(made.text)")
            let path = "/v1/segments/\(made.json["id"]?.stringValue ?? "")"
            func count() async throws -> JSONValue? {
                try await server.send(.GET, path + "/count", key: server.secretKey).json["count"]
            }
            #expect(try await count() == 2)
            let often: JSONValue = ["segment": ["did": "Buy", "at_least": 2]]
            func put(_ tag: String) async throws -> TestServer.Answer {
                try await server.send(
                    .PUT, path, key: server.secretKey, headers: [("If-Match", tag)], body: Array(often.text.utf8))
            }
            #expect(try await put("\"v2\"").status == 412)
            let changed = try await put("\"v1\"")
            #expect(changed.status == 200 && changed.json["version"] == 2 && changed.json["name"] == "Buyers")
            #expect(try await count() == 1)
            let before = try await server.send(.GET, path + "?version=1", key: server.secretKey)
            #expect(before.json["segment"] == ["did": "Buy"] && before.json["version"] == 1)
            #expect(try await server.send(.GET, path + "?version=3", key: server.secretKey).status == 404)
            let list = try await server.send(.GET, "/v1/segments", key: server.secretKey)
            #expect(list.rows.map { $0["version"] } == [2])
            #expect(try await server.send(.DELETE, path, key: server.secretKey).status == 204)
            #expect(try await server.send(.GET, path, key: server.secretKey).status == 404)
        }
    }

    @Test("Segments name segments, never themselves, and an export keeps what they were")
    func references() async throws {
        try await withServer { server in
            try await collect(server)
            let inner = try await post(
                server, "/v1/segments", ["name": "in", "segment": ["did": "Buy", "within": "9000d"]])
            let id = try #require(inner.json["id"])
            let outer = try await post(
                server, "/v1/segments",
                ["name": "out", "segment": ["all": [["segment": id], ["not": ["person": "plan", "is": "pro"]]]]])
            let outerID = try #require(outer.json["id"]?.stringValue)
            let people = try await server.send(.GET, "/v1/segments/\(outerID)/people", key: server.secretKey)
            #expect(names(people) == ["bob"], "\(people.text)")
            let path = "/v1/segments/\(id.stringValue ?? "")"
            let circle = try await server.send(
                .PUT, path, key: server.secretKey, body: Array(#"{"segment":{"segment":"\#(outerID)"}}"#.utf8))
            #expect(circle.status == 400 && circle.text.contains("would be a part of itself"), "\(circle.text)")
            #expect(try await server.send(.DELETE, path, key: server.secretKey).json["code"] == "segment_in_use")
            let spec: JSONValue = [
                "dataset": "events", "columns": ["identity", "event"], "order": "seq", "where": ["segment": id],
            ]
            let (run, file) = try await server.export(spec)
            #expect(file == "identity,event\r\nann,Buy\r\nann,Buy\r\nbob,Buy\r\n")
            let kept = run["manifest"]?["spec"]?["where"]
            #expect(kept?["segment"] == id && kept?["version"] == 1 && kept?["where"]?["did"] == "Buy")
            #expect(kept?["where"]?["within"]?["from"] != nil, "\(run.text)")
            _ = try await server.send(
                .PUT, path, key: server.secretKey, body: Array(#"{"segment":{"did":"Visit"}}"#.utf8))
            let again = try await server.export(run["manifest"]?["spec"] ?? .null)
            #expect(again.file == file)
            #expect(try await server.export(spec).file == "identity,event\r\ncid,Visit\r\n")
        }
    }

    @Test("Whether somebody is in a segment, and why")
    func check() async throws {
        try await withServer { server in
            try await collect(server)
            let made = try await post(
                server, "/v1/segments",
                ["name": "s", "segment": ["all": [["did": "Buy", "at_least": 2], ["person": "plan", "is": "pro"]]]])
            let path = "/v1/segments/\(made.json["id"]?.stringValue ?? "")/people"
            let ann = try await server.send(.GET, path + "?identity=ann", key: server.secretKey)
            #expect(ann.json["in_segment"] == true)
            #expect(ann.json["why"]?["parts"]?.arrayValue?.compactMap { $0["count"] ?? $0["value"] } == [2, "pro"])
            let bob = try await server.send(.GET, path + "?identity=cookie", key: server.secretKey)
            #expect(bob.json["in_segment"] == false, "\(bob.text)")
            let id = bob.json["person_id"]?.stringValue ?? ""
            #expect(try await server.send(.GET, path + "/" + id, key: server.secretKey).json["why"] == bob.json["why"])
            for strange in ["?identity=nobody", "/p_zzz", "/x"] {
                #expect(try await server.send(.GET, path + strange, key: server.secretKey).status == 404)
            }
        }
    }

    @Test("A key with a list of columns asks of no other one")
    func columns() async throws {
        try await withServer { server in
            try await collect(server)
            let all: JSONValue = [
                "name": "all", "columns": ["event", "timestamp", "person_id", "person.plan"],
                "scopes": ["people:read", "segments:write"],
            ]
            let key = try #require(try await post(server, "/v1/keys", all).json["key"]?.stringValue)
            let made = try await post(
                server, "/v1/segments", ["name": "x", "segment": ["person": "email", "exists": true]])
            let id = made.json["id"] ?? .null
            let refused: [(JSONValue, String)] = [
                (["person": "email", "is": "x"], "person.email"), (["segment": id], "person.email"),
                (["did": "Buy", "where": ["property": "amount", "gt": 1]], "properties.amount"),
                (
                    ["sequence": [["event": "A"], ["event": "B", "where": ["property": "x", "is": 1]]]], "properties.x"
                ),
                (["person": "vip", "at": "ever", "is": true], "person.vip"),
            ]
            for (tree, column) in refused {
                for (path, body) in [
                    ("/v1/people/search", ["segment": tree]), ("/v1/segments", ["name": "n", "segment": tree]),
                ] as [(String, JSONValue)] {
                    let answer = try await post(server, path, body, key: key)
                    #expect(answer.status == 403 && answer.json["column"]?.stringValue == column, "\(answer.text)")
                }
            }
            let path = "/v1/segments/\(id.stringValue ?? "")"
            for part in ["", "/count", "/people", "/people?identity=ann", "/people/p_b"] {
                let answer = try await server.send(.GET, path + part, key: key)
                #expect(answer.status == 403 && answer.json["column"] == "person.email", "\(part) \(answer.text)")
            }
            #expect(try await server.send(.DELETE, path, key: key).status == 403)
            #expect(try await server.send(.GET, "/v1/segments", key: key).status == 403)
            let few: JSONValue = [
                "segment": ["person": "plan", "is": "pro"], "columns": ["person_id as id", "person.plan"],
            ]
            let found = try await post(server, "/v1/people/search", few, key: key)
            #expect(found.rows == [["id": "p_b", "person.plan": "pro"]], "\(found.text)")
            let batch = try await post(
                server, "/v1/people/batch", ["identities": ["ann"], "columns": ["person.plan"]], key: key)
            #expect(batch.status == 403 && batch.json["column"] == "identities")
            // What it may ask, it may save and count.
            let own = try await post(
                server, "/v1/segments", ["name": "y", "segment": ["person": "plan", "is": "pro"]], key: key)
            let count = try await server.send(
                .GET, "/v1/segments/\(own.json["id"]?.stringValue ?? "")/count", key: key)
            #expect(count.json["count"] == 1, "\(count.text)")
        }
    }
}
