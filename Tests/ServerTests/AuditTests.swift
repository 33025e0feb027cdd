import Model
import NIOHTTP1
import Server
import Testing

@Suite("Whoever reads of people or changes something is written down")
struct AuditTests {
    /// Routes that need a key and of which nothing is written down, each with the reason.
    private static let silent = [
        "GET /v1/events/names": "names of events and properties",
        "GET /v1/catalogue/events": "names and counts", "GET /v1/catalogue/properties": "names and counts",
        "GET /v1/projects": "names of projects", "GET /v1/keys": "keys", "GET /v1/keys/{id}": "a key",
        "GET /v1/exports": "definitions and states", "GET /v1/exports/{id}": "a state, asked again and again",
        "GET /v1/imports": "counts and reasons", "GET /v1/reports": "definitions",
        "GET /v1/reports/{id}": "a definition",
        "GET /v1/computed-columns": "definitions", "GET /v1/computed-columns/{name}": "a definition",
        "GET /v1/settings": "settings", "GET /v1/segments": "definitions", "GET /v1/segments/{id}": "a definition",
        "GET /v1/webhooks/endpoints": "definitions", "GET /v1/webhooks/endpoints/{id}": "a definition",
        "GET /v1/triggers": "their definitions",
        "GET /v1/triggers/{id}": "its definition",
        "GET /v1/triggers/{id}/health": "counts",
        "GET /v1/webhooks/endpoints/{id}/stats": "counts", "GET /v1/hooks": "definitions",
        "GET /v1/deliveries/replays": "counts", "GET /v1/deliveries/replays/{id}": "counts",
        "GET /v1/compactions/{id}": "a state", "GET /v1/backups/{id}": "a state",
        "GET /v1/privacy/erasures": "records that name nobody", "GET /v1/privacy/erasures/{id}": "names nobody",
        "GET /v1/privacy/retention": "rules", "GET /v1/privacy/retention/runs/{id}": "names nobody",
        "GET /v1/privacy/records": "records that name nobody", "GET /v1/privacy/records/{id}": "names nobody",
        "GET /v1/privacy/suppressions": "a count", "GET /v1/status": "counts", "GET /v1/audit/verify": "a verdict",
    ]

    @Test("Every route that needs a key says what is written down of its use, and only those named here say nothing")
    func declared() async throws {
        try await withServer { server in
            let keyed = server.server.scopes.keys.filter { $0 != "GET /metrics" }
            let audited = server.server.audited
            #expect(Set(keyed) == Set(audited.keys), "\(Set(keyed).subtracting(audited.keys))")
            let silent = Set(audited.filter { $0.value == nil }.keys)
            #expect(silent == Set(Self.silent.keys), "\(silent.symmetricDifference(Self.silent.keys))")
            let changing = audited.filter { !$0.key.hasPrefix("GET ") }
            #expect(changing.values.allSatisfy { $0 != nil })
        }
    }

    @Test("Each use of such a route has an entry with its status, whatever the answer was")
    func each() async throws {
        try await withServer { server in
            try await server.collect([["identity": "ann", "event": "A"]])
            for (route, action) in server.server.audited.sorted(by: { $0.key < $1.key }) {
                // It does not end by itself.
                guard let action, action != "events.live" else { continue }
                let (method, pattern) = (route.split(separator: " ")[0], route.split(separator: " ")[1])
                let path = pattern.split(separator: "/").map { $0.hasPrefix("{") ? "/x" : "/" + $0 }.joined()
                let answer = try await server.send(
                    HTTPMethod(rawValue: String(method)), path, key: server.secretKey, body: method == "GET" ? nil : [])
                let found = try await server.send(.GET, "/v1/audit?limit=1000&action=\(action)", key: server.secretKey)
                let entry = found.rows.first
                #expect(entry?["action"] == .string(action), "\(route): \(answer.status)")
                #expect(entry?["status"] == JSONValue(answer.status), "\(route)")
                #expect(entry?["key"]?.stringValue?.hasPrefix("key_") == true)
            }
        }
    }

    @Test("An entry says who, of what, which columns, by which filter and how many rows, and no key's text")
    func content() async throws {
        try await DataFolder.with { folder in
            try await folder.serve { server in
                try await server.collect([
                    ["identity": "ann", "event": "A"],
                    ["type": "set", "identity": "ann", "properties": ["plan": "pro"]],
                ])
                let keys = try await server.send(.GET, "/v1/keys", key: server.secretKey)
                let own = keys.rows.first { $0["name"] == "first secret key" }?["id"]
                _ = try await server.send(.GET, "/v1/people?identity=ann", key: server.secretKey)
                let search: JSONValue = ["segment": ["person": "plan", "is": "pro"], "columns": ["person_id"]]
                _ = try await server.send(
                    .POST, "/v1/people/search", key: server.secretKey, body: Array(search.text.utf8))
                _ = try await server.sendOnSocket(.GET, "/v1/people/p_b")
                // A key that lacks the scope, and a column that it does not read.
                let few: JSONValue = ["name": "few", "scopes": ["people:read"], "columns": ["person_id"]]
                let made = try await server.send(.POST, "/v1/keys", key: server.secretKey, body: Array(few.text.utf8))
                let key = made.json["key"]?.stringValue ?? ""
                _ = try await server.send(.GET, "/v1/events", key: key)
                _ = try await server.send(.POST, "/v1/people/search", key: key, body: Array(search.text.utf8))

                let list = try await server.send(.GET, "/v1/audit", key: server.secretKey)
                #expect(!list.text.contains(server.secretKey) && !list.text.contains(key))
                let rows = Array(list.rows.reversed())
                #expect(
                    rows.map { $0["action"] } == [
                        "people.list", "people.search", "people.show", "keys.create", "events.list", "people.search",
                    ])
                #expect(rows.map { $0["status"] } == [200, 200, 200, 201, 403, 403])
                #expect(rows.map { $0["rows"] } == [1, 1, 1, .null, .null, .null])
                #expect(rows.map { $0["key"] } == [own, own, "owner", own, made.json["id"], made.json["id"]])
                #expect(rows[0]["filter"] == ["query": ["identity": "ann"]] && rows[0]["dataset"] == "people")
                #expect(rows[0]["columns"]?.arrayValue?.contains("identities") == true)
                #expect(rows[1]["columns"] == ["person.plan", "person_id"] && rows[1]["filter"]?["body"] == search)
                #expect(rows[3]["made"] == made.json["id"] && rows[3]["filter"]?["body"] == few)
                #expect(rows.map { $0["number"] } == [1, 2, 3, 4, 5, 6])

                // By pages, and by key.
                var (seen, cursor): ([JSONValue?], String) = ([], "")
                repeat {
                    let page = try await server.sendOnSocket(.GET, "/v1/audit?key=owner&limit=1\(cursor)")
                    seen += page.rows.filter { $0["action"] != "audit.list" }.map { $0["action"] }
                    cursor = page.json["next_cursor"]?.stringValue.map { "&cursor=\($0)" } ?? ""
                } while !cursor.isEmpty
                #expect(seen == ["people.show"])
                #expect(try await server.send(.GET, "/v1/audit", key: key).status == 403)
                #expect(try await server.send(.GET, "/v1/audit/verify?hash=x", key: server.secretKey).status == 400)
            }
            // What waited in memory was written at the end.
            try await folder.serve { server in
                let verdict = try await server.sendOnSocket(.GET, "/v1/audit/verify").json
                #expect(verdict["intact"] == true && (verdict["entries"]?.intValue ?? 0) > 6)
                let all = try await server.sendOnSocket(.GET, "/v1/audit?limit=1000").rows
                #expect(JSONValue(all.count) == verdict["entries"] && all[0]["hash"] == verdict["last_hash"])
                let known = all[3]["hash"]?.stringValue ?? ""
                #expect(try await server.sendOnSocket(.GET, "/v1/audit/verify?hash=\(known)").json["intact"] == true)
            }
        }
    }

    @Test("An identity that nobody has does not come in by being looked up")
    func nobody() async throws {
        try await withServer { server in
            try await server.collect([["identity": "ann", "event": "A"]])
            _ = try await server.send(.GET, "/v1/people?identity=erased", key: server.secretKey)
            let batch = Array(#"{"identities":["ann","erased","gone"]}"#.utf8)
            _ = try await server.send(.POST, "/v1/people/batch", key: server.secretKey, body: batch)
            _ = try await server.send(.GET, "/v1/people", key: server.secretKey)
            let rows = try await server.send(.GET, "/v1/audit", key: server.secretKey).rows
            #expect(rows.map { $0["status"] } == [200, 200, 404] && rows.map { $0["rows"] } == [1, 1, 0])
            #expect(rows[2]["filter"] == .null && rows[0]["filter"] == .null)
            #expect(rows[1]["filter"]?["body"] == ["identities": ["ann"], "not_found": 2])
        }
    }

    @Test("A stream has an entry where it begins and one where it ends; an export has the rows that it wrote")
    func streams() async throws {
        try await withServer { server in
            try await server.collect([["identity": "ann", "event": "A"], ["identity": "bob", "event": "A"]])
            let lines = try await server.send(
                .GET, "/v1/events", key: server.secretKey, headers: [("Accept", "application/x-ndjson")])
            #expect(lines.status == 200)
            let (run, _) = try await server.export(["dataset": "events", "columns": ["seq"]])
            _ = try await server.send(
                .POST, "/v1/privacy/access", key: server.secretKey, body: Array(#"{"identities":["ann"]}"#.utf8))
            let rows = try await server.send(.GET, "/v1/audit?limit=1000", key: server.secretKey).rows
            func entry(_ action: String) -> JSONValue? { rows.first { $0["action"] == .string(action) } }
            #expect(entry("events.list")?["rows"] == .null && entry("events.list.end")?["rows"] == 2)
            #expect(entry("events.list")?["request_id"] == entry("events.list.end")?["request_id"])
            #expect(entry("exports.create")?["made"] == run["id"] && entry("exports.create")?["dataset"] == "events")
            #expect(entry("exports.create")?["columns"] == ["seq"])
            #expect(entry("exports.end")?["rows"] == 2 && entry("exports.end")?["made"] == run["id"])
            #expect(entry("exports.file")?["rows"] == 2)
            #expect(entry("privacy.access")?["filter"]?["body"] == ["identities": ["ann"]])
            #expect((entry("privacy.access.end")?["rows"]?.intValue ?? 0) >= 2)
        }
    }
}
