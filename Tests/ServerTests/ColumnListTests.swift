import Control
import Model
import NIOHTTP1
import Server
import Testing

@Suite("A key for some columns sees no other one by any route")
struct ColumnListTests {
    private static let columns = [
        "seq", "person_id", "event", "timestamp", "properties.open", "person.plan", "count(Signed Up)",
    ]

    /// What the key may not see has this in it, each in another place.
    static let mark = "Secret-"

    private func collect(_ server: TestServer) async throws {
        try await server.collect([
            [
                "id": "Secret-id", "identity": "Secret-ann", "event": "Signed Up",
                "properties": ["open": "yes", "salary": "Secret-salary"],
            ],
            ["type": "set", "identity": "Secret-ann", "properties": ["plan": "pro", "email": "Secret-email"]],
            ["type": "alias", "identity": "Secret-ann", "other": "Secret-cookie"],
            ["identity": "", "event": "Secret-refused"],
        ])
    }

    func withKey(
        _ body: @escaping @Sendable (TestServer, _ key: String) async throws -> Void
    ) async throws {
        try await withServer { server in
            try await collect(server)
            let asked: JSONValue = [
                "name": "some", "columns": .array(Self.columns.map { .string($0) }),
                "scopes": .array(Scope.allCases.filter { $0 != .admin }.map { .string($0.rawValue) }),
            ]
            let made = try await server.send(
                .POST, "/v1/keys", key: server.secretKey, body: Array(asked.text.utf8))
            try await body(server, made.json["key"]?.stringValue ?? made.text)
        }
    }

    /// What an export needs that the key lacks; nil for what it may have.
    private static let exports: [(spec: JSONValue, missing: String?)] = [
        (["dataset": "events", "columns": ["seq", "event", "timestamp", "properties.open", "person.plan"]], nil),
        (
            [
                "dataset": "people",
                "columns": ["person_id", "person.plan", "properties.plan as p", "count(Signed Up)"],
            ], nil
        ),
        (["dataset": "people", "columns": ["last(Signed Up)"]], nil),
        (
            [
                "dataset": "events", "columns": ["person_id"], "from": "2020-01-01", "order": "timestamp",
                "where": [
                    "all": [
                        ["event": "Signed Up"], ["property": "open", "is": "yes"], ["person": "plan", "is": "pro"],
                    ]
                ],
            ], nil
        ),
        (["dataset": "events"], "event_id"),
        (["dataset": "events", "columns": ["id"]], "event_id"),
        (["dataset": "events", "columns": ["identity"]], "identity"),
        (["dataset": "events", "columns": ["received_at"]], "received_at"),
        (["dataset": "events", "columns": ["properties"]], "properties.*"),
        (["dataset": "events", "columns": ["properties.*"]], "properties.*"),
        (["dataset": "events", "columns": ["properties.salary as open"]], "properties.salary"),
        (["dataset": "events", "columns": ["properties.salary::double"]], "properties.salary"),
        (["dataset": "events", "columns": ["properties.\"salary\""]], "properties.salary"),
        (["dataset": "events", "columns": ["properties.plan"]], "properties.plan"),
        (["dataset": "events", "columns": ["person.email"]], "person.email"),
        (["dataset": "events", "columns": ["person.open"]], "person.open"),
        (
            ["dataset": "events", "columns": ["seq"], "where": ["property": "salary", "exists": true]],
            "properties.salary"
        ),
        (["dataset": "events", "columns": ["seq"], "where": ["not": ["person": "email", "is": "x"]]], "person.email"),
        (
            [
                "dataset": "events", "columns": ["seq"],
                "where": ["did": "Signed Up", "where": ["property": "salary", "is": "x"]],
            ], "properties.salary"
        ),
        (["dataset": "events", "columns": ["seq"], "identified": true], "named"),
        (["dataset": "people"], "events_total"),
        (["dataset": "people", "columns": ["identities"]], "identities"),
        (["dataset": "people", "columns": ["properties"]], "person.*"),
        (["dataset": "people", "columns": ["properties.email"]], "person.email"),
        (
            ["dataset": "people", "columns": ["person_id"], "where": ["property": "salary", "gt": 1]],
            "properties.salary"
        ),
        (["dataset": "property_changes", "columns": ["value"]], "value"),
        (
            ["dataset": "property_changes", "columns": ["seq"], "where": ["property": "email", "is": "x"]],
            "person.email"
        ),
        (
            ["dataset": "property_changes", "columns": ["seq"], "where": ["property": "open", "is": "x"]], "person.open"
        ),
        (["dataset": "aliases", "columns": ["seq", "other"]], "other"),
        (["dataset": "identities", "columns": ["identity"]], "identity"),
        (["dataset": "events", "format": "kissmetrics"], "event_id"),
    ]

    @Test("Exports and estimates: columns, conditions, ranges and orders")
    func exports() async throws {
        try await withKey { server, key in
            for (spec, missing) in Self.exports {
                for path in ["/v1/exports/estimate", "/v1/exports"] {
                    let answer = try await server.send(.POST, path, key: key, body: Array(spec.text.utf8))
                    #expect(answer.json["column"]?.stringValue == missing, "\(path) \(spec.text) \(answer.text)")
                    #expect((answer.status == 403) == (missing != nil), "\(path) \(spec.text) \(answer.text)")
                    guard missing == nil, let id = answer.json["id"]?.stringValue else { continue }
                    let run = try await server.finished(id)
                    #expect(run["status"] == "succeeded", "\(run.text)")
                    for part in ["", "/manifest", "/file"] {
                        let read = try await server.send(.GET, "/v1/exports/\(id)\(part)", key: key)
                        #expect(read.status == 200 && !read.text.contains(Self.mark))
                    }
                }
            }
        }
    }

    @Test("What another key has exported is read only if it has no other column")
    func othersExports() async throws {
        try await withKey { server, key in
            for (spec, missing) in Self.exports where spec["format"] == nil {
                let id = try await server.export(spec).run["id"]?.stringValue ?? "none"
                for part in ["", "/manifest", "/file"] {
                    let answer = try await server.send(.GET, "/v1/exports/\(id)\(part)", key: key)
                    #expect(answer.status == (missing == nil ? 200 : 403), "\(spec.text) \(part)")
                    #expect(!answer.text.contains(Self.mark) && answer.json["column"]?.stringValue == missing)
                }
                let removed = try await server.send(.DELETE, "/v1/exports/\(id)", key: key)
                #expect(removed.status == (missing == nil ? 204 : 403))
            }
        }
    }

    @Test("Every documented path, with what is there")
    func paths() async throws {
        try await withKey { server, key in
            let person = try await server.send(.GET, "/v1/people?identity=Secret-ann", key: server.secretKey)
            let id = person.json["id"]?.stringValue ?? ""
            #expect(person.text.contains(Self.mark))
            let export = try await server.export(["dataset": "events"]).run["id"]?.stringValue ?? ""
            let outline = APIOutline(try await server.send(.GET, "/openapi.yaml").text)
            var answered: Set<String> = []
            for operation in outline.operations where operation.method == "GET" && operation.scope != nil {
                let base = operation.path.hasPrefix("/v1/people") ? id : export
                let path = operation.path.split(separator: "/").map { part in
                    part == "{id}" ? "/\(base)" : part == "{name}" ? "/email" : part.hasPrefix("{") ? "/1" : "/\(part)"
                }.joined()
                for query in [
                    "", "?limit=1", "?identity=Secret-ann", "?kind=property", "?at=last", "?columns=identity",
                ] {
                    let answer = try await server.send(.GET, path + query, key: key)
                    #expect(!answer.text.contains(Self.mark), "\(path)\(query): \(answer.text)")
                    if operation.path != "/metrics", answer.status < 300 { answered.insert(operation.path) }
                }
            }
            // What is computed is told as far as the key's list has it, which is not at all.
            #expect(
                answered == [
                    "/v1/events/names", "/v1/catalogue/events", "/v1/reports", "/v1/settings", "/v1/computed-columns",
                    "/v1/people/{id}/computed",
                ])
            for (path, column) in [
                ("/v1/people", "events_total"), ("/v1/people/\(id)", "events_total"),
                ("/v1/people?identity=Secret-ann", "events_total"), ("/v1/people/\(id)/events", "event_id"),
                ("/v1/people/\(id)/properties", "identity"), ("/v1/people/\(id)/properties/email", "identity"),
                ("/v1/aliases", "identity"), ("/v1/events/names?kind=property", "person.*"),
            ] {
                let answer = try await server.send(.GET, path, key: key)
                #expect(answer.status == 403 && answer.json["column"]?.stringValue == column, "\(path): \(answer.text)")
            }
            let identities = Array(#"{"identities":["Secret-ann"]}"#.utf8)
            #expect(try await server.send(.POST, "/v1/privacy/access", key: key, body: identities).status == 403)
        }
    }

    @Test("A key whose list has all that a path gives out reads it, one property at a time if so listed")
    func wholeLists() async throws {
        try await withServer { server in
            try await collect(server)
            func key(_ columns: [String]) async throws -> String {
                let asked: JSONValue = [
                    "name": "k", "scopes": ["people:read", "events:read"],
                    "columns": .array(columns.map { .string($0) }),
                ]
                let made = try await server.send(
                    .POST, "/v1/keys", key: server.secretKey, body: Array(asked.text.utf8))
                return made.json["key"]?.stringValue ?? ""
            }
            let whole = try await key([
                "person_id", "identities", "first_seen", "last_seen", "events_total", "person.*", "timestamp",
                "identity",
                "event", "event_id", "received_at", "properties.*",
            ])
            let person = try await server.send(.GET, "/v1/people?identity=Secret-ann", key: whole)
            let id = person.json["id"]?.stringValue ?? ""
            #expect(person.status == 200 && person.json["properties"]?["email"] == "Secret-email")
            // The seq of rows is a column like others, also where it is asked about.
            for path in ["/v1/people/\(id)/events", "/v1/people?as_of_seq=3"] {
                let answer = try await server.send(.GET, path, key: whole)
                #expect(answer.status == 403 && answer.json["column"] == "seq", "\(path)")
            }
            let one = try await key(["seq", "timestamp", "identity", "person.email"])
            let email = try await server.send(.GET, "/v1/people/\(id)/properties/email", key: one)
            #expect(email.status == 200 && email.rows.first?["value"] == "Secret-email")
            let plan = try await server.send(.GET, "/v1/people/\(id)/properties/plan", key: one)
            #expect(plan.status == 403 && plan.json["column"] == "person.plan")
        }
    }
}
