import Control
import Model
import NIOHTTP1
import Server
import Testing

@Suite("A key opens what it names and nothing else")
struct AccessTests {
    /// Routes that answer without a key.
    private static let open: Set<String> = [
        "/healthz", "/readyz", "/openapi.yaml", "/docs", "/metrics", "/e", "/s", "/a",
        // A link's own signature is what opens it: see below.
        "/v1/links/{id}",
    ]

    private static let collection: Set<String> = [
        "/v1/events", "/v1/batch", "/v1/track", "/v1/identify", "/v1/alias", "/v1/page", "/v1/screen", "/v1/group",
    ]

    @Test("Without a key 401, with a write key 403, on every route that reads or administers")
    func matrix() async throws {
        try await withServer { server in
            for (method, path) in server.server.routes where !Self.open.contains(path) {
                let concrete = concrete(path)
                let method = HTTPMethod(rawValue: method)
                let body: [UInt8]? = method == .POST ? Array("{}".utf8) : nil
                for key in [nil, "wk_unknown", "sk_unknown", ""] {
                    let answer = try await server.send(method, concrete, key: key, body: body)
                    #expect(answer.status == 401, "\(method) \(path) with \(key ?? "no key")")
                    #expect(answer.headers.first(name: "WWW-Authenticate") != nil)
                    #expect(answer.headers.first(name: "Content-Type") == "application/problem+json")
                    #expect(answer.json["status"] == 401)
                }
                let written = try await server.send(method, concrete, key: server.writeKey, body: body)
                if Self.collection.contains(path), method == .POST {
                    #expect(written.status != 401 && written.status != 403, "\(path)")
                } else {
                    #expect(written.status == 403, "\(method) \(path) with a write key")
                }
            }
        }
    }

    @Test("A link without its signature opens nothing, whatever key comes with it")
    func links() async throws {
        try await withServer { server in
            let zeros = String(repeating: "0", count: 64)
            for key in [nil, "sk_unknown", server.writeKey] {
                for query in [
                    "", "?expires=9999999999", "?expires=9999999999&signature=\(zeros)", "?signature=\(zeros)",
                ] {
                    let answer = try await server.send(.GET, "/v1/links/\(zeros.prefix(32))\(query)", key: key)
                    #expect(answer.status == 404 && answer.json["code"] == "not_found", "\(query)")
                }
            }
        }
    }

    @Test("Every operation of the document refuses a missing, a wrong, an expired and an under-scoped key")
    func walk() async throws {
        try await DataFolder.with { folder in
            let control = try ControlStore(directory: folder.path)
            let expired = try await control.createKey(
                project: "default", name: "old", scopes: Set(Scope.allCases), expiresAt: Timestamp(microseconds: 1)
            ).text
            // All but what a scope asks for, and but those that include it.
            var lacking: [Scope: String] = [:]
            for scope in Scope.allCases {
                let others = Set(Scope.allCases.filter { !$0.includes(scope) })
                lacking[scope] = try await control.createKey(
                    project: "default", name: "all but \(scope.rawValue)", scopes: others
                ).text
            }
            try control.close()
            let keys = lacking
            try await folder.serve { server in
                let outline = APIOutline(try await server.send(.GET, "/openapi.yaml").text)
                var walked = 0
                for operation in outline.operations where !Self.open.subtracting(["/metrics"]).contains(operation.path)
                {
                    // A route without a scope is one that collects; a new one says its scope or is named here.
                    let isCollection = operation.scope == nil
                    #expect(!isCollection || Self.collection.contains(operation.path), "\(operation.path)")
                    let scope = operation.scope.flatMap { Scope(rawValue: $0) } ?? .collect
                    // From this machine the metrics are open; what a proxy forwards is not from here.
                    let headers = operation.path == "/metrics" ? [("Forwarded", "for=192.0.2.1")] : []
                    let body: [UInt8]? = ["POST", "PUT", "PATCH"].contains(operation.method) ? Array("{}".utf8) : nil
                    for (key, status) in [
                        (nil, 401), ("sk_" + String(repeating: "x", count: 40), 401), ("nonsense", 401), (expired, 401),
                        (keys[scope], 403),
                    ] {
                        let answer = try await server.send(
                            HTTPMethod(rawValue: operation.method), concrete(operation.path), key: key,
                            headers: headers,
                            body: body)
                        #expect(answer.status == status, "\(operation.method) \(operation.path) \(key ?? "no key")")
                        #expect(answer.json["status"] == JSONValue(Int64(status)))
                    }
                    walked += 1
                }
                #expect(walked > 100)
            }
        }
    }

    @Test("Keys come in a header, in the query and in the body, each where it may")
    func places() async throws {
        try await withServer { server in
            let item = #"{"identity":"a","event":"E"}"#
            let plain = Array("{\"events\":[\(item)]}".utf8)
            let basic = [("Authorization", "Basic " + base64(server.writeKey + ":"))]
            #expect(try await server.send(.POST, "/v1/events", headers: basic, body: plain).status == 200)
            let inQuery = try await server.send(.POST, "/v1/events?write_key=\(server.writeKey)", body: plain)
            #expect(inQuery.status == 200)
            let inBody = Array("{\"writeKey\":\"\(server.writeKey)\",\"events\":[\(item)]}".utf8)
            #expect(try await server.send(.POST, "/v1/events", body: inBody).status == 200)
            let read = try await server.send(.GET, "/v1/people?write_key=\(server.secretKey)")
            #expect(read.status == 401)
            let secret = [("Authorization", "Basic " + base64(server.secretKey + ":"))]
            #expect(try await server.send(.GET, "/v1/people", headers: secret).status == 200)
        }
    }

    @Test("A secret key reaches its scopes only, and an expired one nothing")
    func scopes() async throws {
        try await DataFolder.with { folder in
            let control = try ControlStore(directory: folder.path)
            let reader = try await control.createKey(project: "default", name: "reader", scopes: [.peopleRead]).text
            let expired = try await control.createKey(
                project: "default", name: "old", scopes: [.admin], expiresAt: Timestamp(microseconds: 1)
            ).text
            try control.close()
            try await folder.serve { server in
                let people = try await server.send(.GET, "/v1/people", key: reader)
                #expect(people.status == 200)
                for path in ["/v1/rejects", "/v1/exports", "/v1/status", "/v1/projects"] {
                    #expect(try await server.send(.GET, path, key: reader).status == 403, "\(path)")
                }
                #expect(try await server.collect([], key: reader).status == 403)
                #expect(try await server.send(.GET, "/v1/people", key: expired).status == 401)
                #expect(try await server.collect([], key: server.secretKey).status == 200)
            }
        }
    }

    @Test("A project made at run time works at once and sees nothing of the others")
    func projects() async throws {
        try await DataFolder.with { folder in
            let made = try await folder.serve { server in
                try await server.collect([["identity": "ann", "event": "E"]])
                let name = Array(#"{"name":"shop"}"#.utf8)
                let made = try await server.send(.POST, "/v1/projects", key: server.secretKey, body: name)
                #expect(made.status == 201)
                #expect(try await server.send(.POST, "/v1/projects", key: server.secretKey, body: name).status == 409)
                let bad = Array(#"{"name":"../x"}"#.utf8)
                #expect(try await server.send(.POST, "/v1/projects", key: server.secretKey, body: bad).status == 400)
                let write = made.json["write_key"]?.stringValue ?? ""
                let secret = made.json["secret_key"]?.stringValue ?? ""
                #expect(try await server.collect([["identity": "zed", "event": "F"]], key: write).status == 200)
                let people = try await server.send(.GET, "/v1/people", key: secret)
                #expect(people.rows.map { $0["identities"] } == [["zed"]])
                let seen = try await server.send(.GET, "/v1/projects", key: secret)
                #expect(seen.rows.map { $0["name"] } == ["shop"])
                #expect(try await server.send(.POST, "/v1/projects", key: secret, body: bad).status == 403)
                let all = try await server.send(.GET, "/v1/projects", key: server.secretKey)
                #expect(all.rows.map { $0["name"] } == ["default", "shop"])
                return secret
            }
            try await folder.serve { server in
                let people = try await server.send(.GET, "/v1/people", key: made)
                #expect(people.rows.map { $0["identities"] } == [["zed"]])
            }
        }
    }

    @Test("The same Idempotency-Key makes one project, whose secret is shown once; with another body it is 422")
    func repeatedProject() async throws {
        try await withServer { server in
            let headers = [("Idempotency-Key", "p-1")]
            let name = Array(#"{"name":"shop"}"#.utf8)
            let first = try await server.send(
                .POST, "/v1/projects", key: server.secretKey, headers: headers, body: name)
            let again = try await server.send(
                .POST, "/v1/projects", key: server.secretKey, headers: headers, body: name)
            #expect(first.status == 201)
            #expect(again.status == 201 && again.json["write_key"] == first.json["write_key"])
            #expect(first.json["secret_key"]?.stringValue != nil && again.json["secret_key"] == .null)
            #expect(again.headers.first(name: "Idempotency-Replayed") == "true")
            for other in [#"{"name":"other"}"#, "no JSON"] {
                let mismatch = try await server.send(
                    .POST, "/v1/projects", key: server.secretKey, headers: headers, body: Array(other.utf8))
                #expect(mismatch.status == 422)
            }
            let all = try await server.send(.GET, "/v1/projects", key: server.secretKey)
            #expect(all.rows.map { $0["name"] } == ["default", "shop"])
        }
    }
}

/// A path with its variable parts filled in.
private func concrete(_ path: String) -> String {
    path.split(separator: "/").map { $0.hasPrefix("{") ? "/1" : "/" + $0 }.joined()
}

/// Base 64 (RFC 4648, 4).
private func base64(_ text: String) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    let bytes = Array(text.utf8)
    var out = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let chunk = bytes[start..<min(start + 3, bytes.count)]
        let word = chunk.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - chunk.count))
        for i in 0..<4 { out.append(i <= chunk.count ? alphabet[word >> (18 - 6 * i) & 63] : "=") }
    }
    return out
}
