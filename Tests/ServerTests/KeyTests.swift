import Control
import Model
import NIOHTTP1
import Server
import Testing

@Suite("Keys are made, rotated and revoked over the API, and hand out nothing that they lack")
struct KeyTests {
    private static func make(
        _ server: TestServer, _ body: JSONValue, key: String? = nil
    ) async throws -> TestServer.Answer {
        try await server.send(.POST, "/v1/keys", key: key ?? server.secretKey, body: Array(body.text.utf8))
    }

    @Test("A key opens as soon as it is made, is listed without its text, and opens nothing once it is revoked")
    func life() async throws {
        try await withServer { server in
            let made = try await Self.make(
                server, ["name": "CRM", "scopes": ["people:read"], "expires_at": "2099-01-01"])
            #expect(made.status == 201)
            let (id, text) = (made.json["id"]?.stringValue ?? "", made.json["key"]?.stringValue ?? "")
            #expect(text.hasPrefix("sk_") && made.json["expires_at"] == "2099-01-01T00:00:00.000000Z")
            #expect(try await server.send(.GET, "/v1/people", key: text).status == 200)
            #expect(try await server.send(.GET, "/v1/rejects", key: text).status == 403)
            #expect(try await server.send(.GET, "/v1/keys", key: text).status == 403)

            let list = try await server.send(.GET, "/v1/keys", key: server.secretKey)
            #expect(list.rows.map { $0["name"] } == ["first write key", "first secret key", "CRM"])
            #expect(!list.text.contains(text) && list.rows.last?["last_used_at"] != .null)
            #expect(list.rows.first?["write_key"] == .string(server.writeKey))
            var ids: [JSONValue?] = []
            var cursor = ""
            repeat {
                let page = try await server.send(.GET, "/v1/keys?limit=1\(cursor)", key: server.secretKey)
                ids += page.rows.map { $0["id"] }
                cursor = page.json["next_cursor"]?.stringValue.map { "&cursor=\($0)" } ?? ""
            } while !cursor.isEmpty
            #expect(ids == list.rows.map { $0["id"] })
            #expect(try await server.send(.GET, "/v1/keys/\(id)", key: server.secretKey).json == list.rows.last)

            for _ in 0..<2 {
                #expect(try await server.send(.DELETE, "/v1/keys/\(id)", key: server.secretKey).status == 204)
                #expect(try await server.send(.GET, "/v1/people", key: text).status == 401)
            }
            #expect(try await server.send(.GET, "/v1/keys/\(id)", key: server.secretKey).status == 404)
            #expect(try await server.send(.DELETE, "/v1/keys/key_none", key: server.secretKey).status == 404)
            #expect(try await server.send(.GET, "/v1/keys", key: server.secretKey).rows.count == 2)
            let all = try await server.send(.GET, "/v1/keys?revoked=true", key: server.secretKey)
            #expect(all.rows.count == 3 && all.rows.last?["revoked_at"] != .null)
        }
    }

    @Test("The old text opens while the overlap lasts, and at once no more where there is none")
    func rotation() async throws {
        try await withServer { server in
            let made = try await Self.make(server, ["name": "k", "scopes": ["events:read"]]).json
            let path = "/v1/keys/\(made["id"]?.stringValue ?? "")/rotate"
            func rotate(_ body: String?) async throws -> TestServer.Answer {
                try await server.send(.POST, path, key: server.secretKey, body: body.map { Array($0.utf8) })
            }
            func opens(_ answer: JSONValue) async throws -> Bool {
                let text = answer["key"]?.stringValue ?? ""
                return try await server.send(.GET, "/v1/rejects", key: text).status == 200
            }
            let second = try await rotate(#"{"overlap":"24h"}"#)
            #expect(second.status == 200 && second.json["id"] == made["id"] && second.json["old_until"] != .null)
            #expect(try await [opens(made), opens(second.json)] == [true, true])
            let third = try await rotate(#"{"overlap":"0s"}"#)
            #expect(try await [opens(made), opens(second.json), opens(third.json)] == [true, false, true])
            let fourth = try await rotate(nil)
            #expect(try await [opens(third.json), opens(fourth.json)] == [true, true])
            for bad in [
                #"{"overlap":"24"}"#, #"{"overlap":24}"#, #"{"overlap":"367d"}"#, #"{"over":"1h"}"#, "[]", "{",
            ] {
                #expect(try await rotate(bad).status == 400, "\(bad)")
            }
            let none = try await server.send(.POST, "/v1/keys/key_none/rotate", key: server.secretKey)
            #expect(none.status == 404)
        }
    }

    @Test("A repeat under an Idempotency-Key makes no second key and has no text")
    func repeats() async throws {
        try await withServer { server in
            let body = Array(#"{"name":"k","scopes":["collect"]}"#.utf8)
            var answers: [TestServer.Answer] = []
            for _ in 0..<2 {
                answers.append(
                    try await server.send(
                        .POST, "/v1/keys", key: server.secretKey, headers: [("Idempotency-Key", "one")], body: body))
            }
            #expect(answers.map(\.status) == [201, 201] && answers[0].json["id"] == answers[1].json["id"])
            #expect(answers[0].json["key"] != .null && answers[1].json["key"] == .null)
            #expect(try await server.send(.GET, "/v1/keys", key: server.secretKey).rows.count == 3)
        }
    }

    @Test("Whatever is wrong with the request is said")
    func refusals() async throws {
        try await withServer { server in
            let bad: [JSONValue] = [
                [], [:], ["name": "k"], ["scopes": ["collect"]], ["name": "", "scopes": ["collect"]],
                ["name": "k", "scopes": []], ["name": "k", "scopes": ["people"]], ["name": "k", "scopes": [1]],
                ["name": "k", "scopes": "admin"], ["name": "k", "scopes": ["collect"], "colums": []],
                ["name": "k", "scopes": ["people:read"], "columns": []],
                ["name": "k", "scopes": ["people:read"], "columns": ["nothing"]],
                ["name": "k", "scopes": ["people:read"], "columns": ["person."]],
                ["name": "k", "scopes": ["admin"], "columns": ["person_id"]],
                ["name": "k", "scopes": ["collect"], "expires_at": "2020-01-01"],
                ["name": "k", "scopes": ["collect"], "expires_at": "soon"],
                ["name": "k", "scopes": ["collect"], "expires_at": true],
                ["name": .string(String(repeating: "é", count: 128)), "scopes": ["collect"]],
            ]
            for body in bad {
                let answer = try await Self.make(server, body)
                #expect(answer.status == 400 && answer.json["code"] == "invalid_key", "\(body.text): \(answer.text)")
            }
            #expect(try await server.send(.GET, "/v1/keys?cursor=key_none", key: server.secretKey).status == 400)
            #expect(try await server.send(.GET, "/v1/keys?revoked=1", key: server.secretKey).status == 400)
            #expect(try await server.send(.GET, "/v1/keys", key: server.secretKey).rows.count == 2)
        }
    }

    @Test("A key that ends hands out none that ends later, by making or by rotating one")
    func handing() async throws {
        try await withServer { server in
            let made = try await Self.make(
                server, ["name": "guest", "scopes": ["admin"], "expires_at": "2099-01-01"])
            let guest = made.json["key"]?.stringValue ?? ""
            let forever: JSONValue = ["name": "k", "scopes": ["admin"]]
            #expect(try await Self.make(server, forever, key: guest).status == 403)
            let longer: JSONValue = ["name": "k", "scopes": ["collect"], "expires_at": "2099-01-01T00:00:00.000001Z"]
            #expect(try await Self.make(server, longer, key: guest).status == 403)
            let same: JSONValue = ["name": "k", "scopes": ["collect"], "expires_at": "2099-01-01"]
            #expect(try await Self.make(server, same, key: guest).status == 201)
            let keys = try await server.send(.GET, "/v1/keys", key: guest)
            for key in keys.rows {
                let id = key["id"]?.stringValue ?? ""
                let answer = try await server.send(.POST, "/v1/keys/\(id)/rotate", key: guest)
                #expect(answer.status == (key["expires_at"] == .null ? 403 : 200), "\(key["name"]?.text ?? "")")
            }
        }
    }

    @Test("Every operation refuses a key that has all other scopes, one that has expired, and one for some columns")
    func everyOperation() async throws {
        try await DataFolder.with { folder in
            let control = try ControlStore(directory: folder.path)
            var lacking: [String: String] = [:]
            for scope in Scope.allCases {
                let others = Set(Scope.allCases.filter { !$0.includes(scope) })
                lacking[scope.rawValue] = try await control.createKey(
                    project: "default", name: "all but \(scope)", scopes: others
                ).text
            }
            let expired = try await control.createKey(
                project: "default", name: "old", scopes: [.admin], expiresAt: Timestamp(microseconds: 1)
            ).text
            let some = try await control.createKey(
                project: "default", name: "some", scopes: Set(Scope.allCases.filter { $0 != .admin }),
                columns: ["person_id"]
            ).text
            try control.close()
            let (keys, old) = (lacking, expired)
            try await folder.serve { server in
                let outline = APIOutline(try await server.send(.GET, "/openapi.yaml").text)
                let guarded = outline.operations.filter { $0.scope != nil && $0.path != "/metrics" }
                #expect(guarded.count > 30)
                for operation in guarded {
                    let path = operation.path.split(separator: "/").map { $0.hasPrefix("{") ? "/1" : "/" + $0 }.joined()
                    let method = HTTPMethod(rawValue: operation.method)
                    let body: [UInt8]? = ["POST", "PUT"].contains(operation.method) ? Array("{}".utf8) : nil
                    func status(_ key: String?) async throws -> Int {
                        try await server.send(method, path, key: key, body: body).status
                    }
                    let name = "\(operation.method) \(operation.path)"
                    #expect(try await status(keys[operation.scope ?? ""]) == 403, "\(name)")
                    #expect(try await status(old) == 401, "\(name)")
                    // Of an export, a segment or a report that is not there nobody can tell which columns it has, nor of a body that asks
                    // nothing.
                    let unknown =
                        operation.path.hasPrefix("/v1/exports") && operation.path != "/v1/exports"
                        || operation.path.hasPrefix("/v1/people/{id}/computed")
                        || operation.path.hasPrefix("/v1/computed-columns/") || operation.path == "/v1/changes"
                        || operation.path.hasPrefix("/v1/segments/") || operation.path.hasPrefix("/v1/reports/")
                        || [
                            "POST /v1/exports", "POST /v1/imports", "GET /v1/exports", "POST /v1/segments",
                            "POST /v1/people/search", "POST /v1/people/batch", "POST /v1/reports",
                        ].contains(name)
                    if ["GET /v1/reports", "GET /v1/computed-columns", "GET /v1/settings"].contains(name) {
                        // Shows those whose columns the key may see, or nothing of anybody.
                        #expect(try await status(some) == 200)
                    } else {
                        #expect(try await unknown ? status(some) >= 400 : status(some) == 403, "\(name)")
                    }
                }
            }
        }
    }
}
