import Control
import Model
import NIOHTTP1
import Server
import Testing

@Suite("Reports by API")
struct ReportTests {
    private static let funnel: JSONValue = [
        "type": "funnel", "steps": [["event": "Signed Up"], ["event": "Purchased"]], "window": "7d",
    ]

    private func collect(_ server: TestServer) async throws {
        try await server.collect([
            ["identity": "ann", "event": "Signed Up", "timestamp": 1000, "properties": ["plan": "pro"]],
            ["identity": "bob", "event": "Signed Up", "timestamp": 1000, "properties": ["plan": "free"]],
            ["identity": "ann@example.com", "event": "Purchased", "timestamp": 2000, "properties": ["amount": "9.50"]],
            ["type": "set", "identity": "ann", "properties": ["tier": "gold"]],
            ["type": "alias", "identity": "ann", "other": "ann@example.com"],
        ])
    }

    private func ask(
        _ server: TestServer, _ report: JSONValue, _ path: String = "/v1/reports/query", key: String? = nil
    ) async throws -> TestServer.Answer {
        try await server.send(.POST, path, key: key ?? server.secretKey, body: Array(report.text.utf8))
    }

    private func people(_ answer: JSONValue) -> [Int64] {
        (answer["steps"]?.arrayValue ?? []).map { $0["people"]?.intValue ?? -1 }
    }

    @Test("A funnel over merged people, and before they were merged")
    func funnels() async throws {
        try await withServer { server in
            try await collect(server)
            let answer = try await ask(server, Self.funnel)
            #expect(answer.status == 200, "\(answer.text)")
            #expect(people(answer.json) == [2, 1])
            #expect(answer.json["as_of_seq"]?.intValue == 5)
            #expect(answer.json["timezone"]?.stringValue == "UTC")
            #expect(answer.json["looked_at"]?["people"]?.intValue == 2)
            #expect(answer.json["query_ms"]?.intValue != nil)
            let before = try await ask(server, Self.funnel, "/v1/reports/query?as_of_seq=4")
            #expect(people(before.json) == [2, 0])
            let beyond = try await ask(server, Self.funnel, "/v1/reports/query?as_of_seq=99")
            #expect(beyond.status == 400)
        }
    }

    @Test("What a report's export comes to is told beforehand, to the byte where it is text")
    func estimates() async throws {
        try await withServer { server in
            try await collect(server)
            for format in ["csv", "ndjson", "parquet"] {
                for cell: JSONValue in [.null, ["step": 1]] {
                    let spec: JSONValue = [
                        "dataset": "report", "report": Self.funnel, "cell": cell, "format": .string(format),
                    ]
                    let told = try await ask(server, spec, "/v1/exports/estimate")
                    #expect(told.status == 200 && told.json["exact"] == true, "\(told.text)")
                    let run = try await server.export(spec).run
                    #expect(run["status"] == "succeeded", "\(run.text)")
                    #expect(told.json["rows"] == run["manifest"]?["rows"], "\(run.text)")
                    let bytes = (told.json["bytes"]?.intValue ?? 0, run["manifest"]?["bytes"]?.intValue ?? -1)
                    #expect(format == "parquet" ? bytes.0 > 0 : bytes.0 == bytes.1, "\(format) \(bytes)")
                }
            }
        }
    }

    @Test("Cohorts and metrics")
    func others() async throws {
        try await withServer { server in
            try await collect(server)
            let cohort = try await ask(
                server,
                [
                    "type": "cohort", "start": ["event": "Signed Up"], "return": ["event": "Purchased"],
                    "interval": "week", "periods": 2,
                ])
            #expect(cohort.json["rows"]?.arrayValue?.first?["values"] == [1, 0], "\(cohort.text)")
            #expect(cohort.json["rows"]?.arrayValue?.first?["cohort"]?.stringValue == "1969-12-29")
            let metric = try await ask(
                server,
                [
                    "type": "metric", "measure": ["event": "Purchased", "of": "sum", "property": "amount"],
                    "interval": "day",
                ])
            #expect(
                metric.json["series"]
                    == [
                        [
                            "key": nil, "total": .number("9.5"),
                            "points": [["t": "1970-01-01", "value": .number("9.5")]],
                        ]
                    ],
                "\(metric.text)")
        }
    }

    @Test("What is wrong is refused with its place")
    func refused() async throws {
        try await withServer { server in
            let answer = try await ask(server, ["type": "funnel", "steps": [["event": "A"], ["evnt": "B"]]])
            #expect(answer.status == 400)
            #expect(answer.json["path"]?.stringValue == "steps[1]")
            #expect(answer.json["code"]?.stringValue == "invalid_report")
            let zone = try await ask(
                server, ["type": "metric", "measure": [:], "timezone": "Mars/Olympus"])
            #expect(zone.status == 400 && zone.json["path"]?.stringValue == "timezone")
        }
    }

    @Test("A report over its time is stopped and says so")
    func slow() async throws {
        try await withServer({ $0.reportTime = .zero }) { server in
            let answer = try await ask(server, Self.funnel)
            #expect(answer.status == 504)
            #expect(answer.json["code"]?.stringValue == "report_time_limit")
        }
    }

    @Test("The people of a cell, by pages of one moment")
    func cells() async throws {
        try await withServer { server in
            try await collect(server)
            func ids(_ answer: TestServer.Answer) -> [String] {
                answer.rows.map { $0["identities"]?.text ?? answer.text }
            }
            let dropped = try await ask(
                server, ["report": Self.funnel, "cell": ["step": 2, "outcome": "dropped"]], "/v1/reports/people")
            #expect(ids(dropped) == [#"["bob"]"#])
            let first = try await ask(
                server, ["report": Self.funnel, "cell": ["step": 1], "limit": 1], "/v1/reports/people")
            #expect(ids(first) == [#"["ann","ann@example.com"]"#])
            try await server.collect([["identity": "cia", "event": "Signed Up", "timestamp": 1000]])
            let next = first.json["next_cursor"] ?? .null
            let second = try await ask(
                server, ["report": Self.funnel, "cell": ["step": 1], "limit": 1, "cursor": next], "/v1/reports/people")
            #expect(ids(second) == [#"["bob"]"#])
            #expect(second.json["next_cursor"] == .null)
            let ofGroup: JSONValue = [
                "type": "funnel", "steps": [["event": "Signed Up"], ["event": "Purchased"]],
                "breakdown": ["event_property": "plan"],
            ]
            let free = try await ask(
                server, ["report": ofGroup, "cell": ["step": 1, "key": "free"]], "/v1/reports/people")
            #expect(ids(free) == [#"["bob"]"#])
            let cohort: JSONValue = [
                "type": "cohort", "start": ["event": "Signed Up"], "return": ["event": "Purchased"],
            ]
            let back = try await ask(
                server, ["report": cohort, "cell": ["cohort": "1969-12-29", "period": 0]], "/v1/reports/people")
            #expect(ids(back) == [#"["ann","ann@example.com"]"#])
            let metric: JSONValue = ["type": "metric", "measure": ["event": "Purchased"], "interval": "day"]
            let day = try await ask(server, ["report": metric, "cell": ["t": "1970-01-01"]], "/v1/reports/people")
            #expect(ids(day) == [#"["ann","ann@example.com"]"#])
            let none = try await ask(server, ["report": metric, "cell": ["t": "soon"]], "/v1/reports/people")
            #expect(none.status == 400 && none.json["path"]?.stringValue == "cell.t")
        }
    }

    @Test("Saved, listed, changed, asked by id, removed")
    func saved() async throws {
        try await withServer { server in
            try await collect(server)
            let made = try await ask(server, ["name": "Buyers", "report": Self.funnel], "/v1/reports")
            #expect(made.status == 201, "\(made.text)")
            let id = made.json["id"]?.stringValue ?? "none"
            #expect(people(try await ask(server, ["report_id": .string(id)]).json) == [2, 1])
            #expect(people(try await ask(server, ["report_id": .string(id), "from": 1500]).json) == [0, 0])
            let result = try await server.send(.GET, "/v1/reports/\(id)/result", key: server.secretKey)
            #expect(people(result.json) == [2, 1])
            let list = try await server.send(.GET, "/v1/reports", key: server.secretKey)
            #expect(list.rows.map { $0["name"]?.stringValue } == ["Buyers"])
            let changed: JSONValue = ["name": "Others", "report": ["type": "metric", "measure": ["event": "A"]]]
            let put = try await server.send(
                .PUT, "/v1/reports/\(id)", key: server.secretKey, body: Array(changed.text.utf8))
            #expect(put.json["name"]?.stringValue == "Others")
            let wrong = try await ask(server, ["name": "x", "report": ["type": "pie"]], "/v1/reports")
            #expect(wrong.status == 400)
            #expect(try await server.send(.DELETE, "/v1/reports/\(id)", key: server.secretKey).status == 204)
            #expect(try await server.send(.GET, "/v1/reports/\(id)", key: server.secretKey).status == 404)
        }
    }

    @Test("Exports have the numbers of the answer, or the people behind one")
    func exports() async throws {
        try await withServer { server in
            try await collect(server)
            let (run, file) = try await server.export(["dataset": "report", "report": Self.funnel])
            #expect(run["status"]?.stringValue == "succeeded", "\(run.text)")
            let lines = [
                "step,event,people,times,conversion,step_conversion,dropped,median_seconds,p90_seconds",
                "1,Signed Up,2,2,1.0,1.0,0,,", "2,Purchased,1,1,0.5,0.5,1,1000,1000",
            ]
            #expect(file == lines.map { $0 + "\r\n" }.joined())
            let manifest = run["manifest"] ?? .null
            #expect(manifest["dataset"]?.stringValue == "report" && manifest["rows"]?.intValue == 2)
            // The manifest's specification repeats the export, whatever was stored since.
            try await server.collect([["identity": "eve", "event": "Signed Up", "timestamp": 1000]])
            let again = try await server.export(manifest["spec"] ?? .null)
            #expect(again.file == file)
            let people = try await server.export([
                "dataset": "report", "report": Self.funnel, "cell": ["step": 2], "format": "ndjson",
            ])
            #expect(people.file == #"{"person_id":"p_b","identities":["ann","ann@example.com"]}"# + "\n")
            let parquet = try await server.export([
                "dataset": "report", "report": Self.funnel, "format": "parquet",
            ])
            #expect(parquet.run["manifest"]?["rows"]?.intValue == 2, "\(parquet.run.text)")
            let saved = try await ask(server, ["name": "Buyers", "report": Self.funnel], "/v1/reports")
            let byID = try await server.export(["dataset": "report", "report_id": saved.json["id"] ?? .null])
            #expect(byID.file.contains("2,Purchased,1,1"))
            for wrong: JSONValue in [
                ["dataset": "report"], ["dataset": "report", "report": Self.funnel, "columns": ["event"]],
                ["dataset": "report", "report": ["type": "pie"]],
            ] {
                #expect(try await ask(server, wrong, "/v1/exports").status == 400)
            }
        }
    }

    @Test("Keys need the scope, and columns in conditions, breakdowns and measures")
    func keys() async throws {
        try await withServer { server in
            try await collect(server)
            func key(_ scopes: JSONValue, _ columns: JSONValue) async throws -> String {
                let asked: JSONValue = ["name": "k", "scopes": scopes, "columns": columns]
                let made = try await ask(server, asked, "/v1/keys")
                return made.json["key"]?.stringValue ?? made.text
            }
            let without = try await key(["events:read"], nil)
            #expect(try await ask(server, Self.funnel, key: without).status == 403)
            let some = try await key(["reports:read"], ["event", "timestamp", "properties.plan", "person.plan"])
            #expect(try await ask(server, Self.funnel, key: some).status == 200)
            func report(_ members: [JSONValue.Member]) -> JSONValue {
                .object([.init("type", "metric"), .init("interval", "day")] + members)
            }
            let refused: [(JSONValue, String)] = [
                (
                    report([.init("measure", ["event": "Purchased", "of": "sum", "property": "amount"])]),
                    "properties.amount"
                ),
                (
                    report([.init("measure", [:]), .init("breakdown", ["event_property": "amount"])]),
                    "properties.amount"
                ),
                (report([.init("measure", [:]), .init("breakdown", ["person_property": "tier"])]), "person.tier"),
                (
                    report([.init("measure", ["where": ["property": "amount", "gt": 1]])]), "properties.amount"
                ),
                (report([.init("measure", [:]), .init("where", ["person": "tier", "is": "gold"])]), "person.tier"),
                (report([.init("measure", [:]), .init("as_of_seq", 3)]), "seq"),
            ]
            for (report, column) in refused {
                let answer = try await ask(server, report, key: some)
                #expect(answer.status == 403 && answer.json["column"]?.stringValue == column, "\(answer.text)")
                let saved = try await ask(server, ["name": "x", "report": report], "/v1/reports")
                let id = saved.json["id"]?.stringValue ?? "none"
                #expect(try await ask(server, ["report_id": .string(id)], key: some).status == 403)
                #expect(try await server.send(.GET, "/v1/reports/\(id)", key: some).status == 403)
                #expect(try await server.send(.GET, "/v1/reports/\(id)/result", key: some).status == 403)
            }
            #expect(try await server.send(.GET, "/v1/reports", key: some).rows.isEmpty)
            let cell: JSONValue = ["report": Self.funnel, "cell": ["step": 1]]
            #expect(try await ask(server, cell, "/v1/reports/people", key: some).status == 403)
            let reader = try await key(["reports:read", "people:read"], ["event", "timestamp"])
            let people = try await ask(server, cell, "/v1/reports/people", key: reader)
            #expect(people.status == 403 && people.json["column"]?.stringValue == "identities")
        }
    }
}
