import Connectors
import DuckDB
import Foundation
import Model
import Synchronization
import Testing

@testable import Destinations
@testable import Pipelines

/// Answers pages by their address.
private final class FakePages: OutboundSending {
    private let pages: [String: String]
    let asked = Mutex<[String]>([])

    init(_ pages: [String: String]) { self.pages = pages }

    func send(_ request: OutboundRequest) async -> OutboundResult {
        asked.withLock { $0.append(request.url.target) }
        guard let page = pages[request.url.target] else {
            return OutboundResult(answer: OutboundAnswer(status: 404))
        }
        return OutboundResult(answer: OutboundAnswer(status: 200, body: Array(page.utf8)))
    }
}

@Suite("Rows are enriched, mapped and protected before they are loaded")
struct TransformTests {
    private let folder: String

    init() throws {
        folder = NSTemporaryDirectory() + "sluice-transform-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: folder + "/run", withIntermediateDirectories: true)
        // Nothing else reads or writes it meanwhile.
        _ = unsafe setenv("SLUICE_TEST_PEPPER", "a key of sixteen bytes or more", 1)
    }

    private func plan(_ yaml: String) throws -> TransformPlan {
        // By itself: the columns are those of the test's rows, and of no export.
        let node = try #require(try YAMLDocument.read("\n\n\n" + yaml).first)
        return try TransformPlan(
            enrich: node["enrich"], map: node["map"], privacy: node["privacy"], sources: .builtin)
    }

    private func run(
        _ yaml: String, _ rows: String, _ columns: [(String, String)], format: String = "csv",
        pages: [String: String] = [:]
    ) async throws -> (text: String, batch: LoadBatch) {
        let file = "\(folder)/run/rows.\(format)"
        try rows.write(toFile: file, atomically: true, encoding: .utf8)
        let list = columns.map { LoadColumn($0.0, $0.1) }
        let batch = LoadBatch(
            stream: LoadStream(pipeline: "p", installation: "i"), run: "r", dataset: "events",
            isIncremental: true,
            seqFrom: 0, seqTo: 9, mode: .append, key: [], columns: list, evolves: true, file: file,
            format: format,
            suffix: "." + format, rows: 0, bytes: 0, sha256: "",
            manifest: ["rows": 0, "bytes": 0, "sha256": "", "columns": []])
        let tools = DestinationTools(
            http: FakePages(pages), policy: OutboundPolicy(), resolver: SystemResolver(),
            roots: FolderRoots(own: folder + "/own", allowed: [folder]), warn: { _ in })
        let outcome = try await Transformer(
            plan: try plan(yaml), batch: batch, folder: folder + "/run", sources: .builtin, tools: tools,
            secrets: SecretResolver(environmentPrefix: "SLUICE_TEST_")
        ).run()
        return (try String(contentsOfFile: outcome.batch.file, encoding: .utf8), outcome.batch)
    }

    @Test("Rows are joined with a file, and each column keeps its type and its text")
    func join() async throws {
        try "id,plan\n007,\"pro, \"\"gold\"\"\"\n008,\n".write(
            toFile: folder + "/plans.csv", atomically: true, encoding: .utf8)
        let (text, batch) = try await run(
            """
            enrich:
              - { source: { type: file, path: \(folder)/plans.csv }, as: plans }
              - { sql: "select e.seq, e.who, p.plan, e.at, e.seq * 2 as twice from export e left join plans p on p.id = e.who" }
              - { sql: "select *, twice > 2 as big from export where seq < 3" }
            """,
            "seq,who,at\n2,007,2026-01-02T03:04:05.000006Z\n1,\"\",2026-01-01T00:00:00.000000Z\n3,x,\n",
            [("seq", "bigint"), ("who", "text"), ("at", "timestamp")])
        let wanted = [
            "seq,who,plan,at,twice,big", #"1,"",,2026-01-01T00:00:00.000000Z,2,false"#,
            #"2,007,"pro, ""gold""",2026-01-02T03:04:05.000006Z,4,true"#, "",
        ]
        #expect(text == wanted.joined(separator: "\n"))
        #expect(
            batch.rows == 2
                && batch.columns.map(\.type) == [
                    "bigint", "text", "text", "timestamp", "bigint", "boolean",
                ])
        #expect(batch.manifest["rows"] == 2 && batch.manifest["sha256"]?.stringValue == batch.sha256)
        #expect(batch.manifest["columns"]?.arrayValue?.count == 6)
    }

    @Test("Columns are mapped and protected by their new names")
    func privacy() async throws {
        let (text, batch) = try await run(
            """
            map: { mail: email, again: email, name: name, ip: ip, six: six, born: born, age: age, zip: zip, gone: name }
            privacy:
              mail: mask
              again: { hash: secret://env/SLUICE_TEST_PEPPER }
              name: mask
              ip: truncate_ip
              six: truncate_ip
              born: { generalise: year }
              age: { generalise: 10 }
              zip: { keep: 3 }
              gone: drop
            """,
            "email,name,ip,six,born,age,zip\nann@x.org,Ünal,192.168.7.9,2001:DB8:1:2::5,1984-06-07T01:02:03Z,37,90210\n,,no address,::1,,,\n",
            ["email", "name", "ip", "six", "born", "age", "zip"].map { ($0, "text") }, format: "csv")
        // By Python: hmac.new(b"a key of sixteen bytes or more", b"ann@x.org", "sha256").hexdigest()
        let wanted = [
            "mail,again,name,ip,six,born,age,zip",
            "a***@x.org,\(Self.hmac),Ü***,192.168.7.0,2001:db8:1::,1984-01-01T00:00:00.000000Z,30,902",
            ",,,,::,,,", "",
        ]
        #expect(text == wanted.joined(separator: "\n"))
        #expect(batch.columns.map(\.name).contains("gone") == false)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder + "/run").allSatisfy {
                !$0.contains("pepper")
            })
    }

    private static let hmac = "88790b8ad4d02786d8462c5f87842a73907c536c0389b256e74c64ca2d292f94"

    @Test("JSON stays JSON in lines, and times stay times in Parquet")
    func formats() async throws {
        let (text, _) = try await run(
            "enrich: [{ sql: \"select seq, properties, properties->>'a' as a, [1, 2] as list from export\" }]",
            #"{"seq":1,"properties":{"a":"x","b":[1.5]}}"# + "\n",
            [("seq", "bigint"), ("properties", "json")],
            format: "ndjson")
        #expect(text == #"{"seq":1,"properties":{"a":"x","b":[1.5]},"a":"x","list":[1,2]}"# + "\n")
    }

    @Test("Pages of JSON follow one another by cursor, by address and by number")
    func pages() async throws {
        let rows = "seq,id\n1,c\n"
        let columns = [("seq", "bigint"), ("id", "text")]
        let sql =
            "{ sql: \"select seq, (select count(*) from them) as n, t.v from export left join them t using (id)\" }"
        let ways: [(String, [String: String])] = [
            (
                "items: data.list, next: meta.next, cursor: after",
                [
                    "/x?a=1": #"{"data":{"list":[{"id":"a","v":1},{"id":"b","v":2}]},"meta":{"next":"k&1"}}"#,
                    "/x?a=1&after=k%261": #"{"data":{"list":[{"id":"c","v":3}]},"meta":{"next":null}}"#,
                ]
            ),
            (
                "items: data, next: next",
                [
                    "/x?a=1": #"{"data":[{"id":"a","v":1},{"id":"b","v":2}],"next":"/y"}"#,
                    "/y": #"{"data":[{"id":"c","v":3}]}"#,
                ]
            ),
            (
                "page: p",
                [
                    "/x?a=1&p=1": #"[{"id":"a","v":1},{"id":"b","v":2}]"#,
                    "/x?a=1&p=2": #"[{"id":"c","v":3}]"#,
                    "/x?a=1&p=3": "[]",
                ]
            ),
        ]
        for (way, pages) in ways {
            let (text, _) = try await run(
                "enrich: [{ source: { type: http, url: \"https://api.example.com/x?a=1\", \(way) }, as: them }, \(sql)]",
                rows, columns, pages: pages)
            #expect(text == "seq,n,v\n1,3,3\n", "\(way)")
        }
        let error = await #expect(throws: ConnectorError.self) {
            try await run(
                "enrich: [{ source: { type: http, url: \"https://api.example.com/x\", items: d, next: n }, as: them }]",
                rows,
                columns, pages: ["/x": #"{"d":[{"id":1}],"n":"https://evil.example.com/x"}"#])
        }
        #expect(error?.message.contains("another server") == true)
    }

    @Test(
        "A query reaches nothing outside of the run, and cannot open itself a way",
        arguments: [
            "select * from read_csv('/etc/passwd')", "select 1); copy (select 1) to '/tmp/out.csv'; --",
            "select * from '/etc/hostname'", "select * from nowhere",
            "select getenv('HOME') as home",
        ])
    func confined(sql: String) async throws {
        let error = await #expect(throws: PipelineError.self) {
            try await run("enrich: [{ sql: \"\(sql)\" }]", "seq\n1\n", [("seq", "bigint")])
        }
        #expect(error?.message.contains("step 1 of \"enrich\"") == true, "\(error?.message ?? "")")
        #expect(error?.isTransient == false)
    }

    @Test("What is wrong in the document is said with its place")
    func document() throws {
        let wrong: [(String, String, Int)] = [
            ("enrich: [{ source: { type: file, path: x.csv } }]", "\"as\" is missing", 4),
            ("enrich: [{ source: { type: ftp }, as: x }]", "there is no source \"ftp\"", 4),
            ("enrich: [{ source: { type: file, pth: x }, as: x }]", "did you mean \"path\"", 4),
            ("enrich: [{ source: { type: file, path: x }, as: x }]", "\"format\" is missing", 0),
            ("enrich: [{ sql: select 1, as: export }]", "already", 4),
            ("privacy: { a: { hash: pepper } }", "is a secret", 4),
            ("privacy: { a: hide }", "here should be mask", 4),
            ("privacy: { a: { generalise: decade } }", "here should be a number", 4),
            ("map: []", "names with values", 4),
        ]
        for (yaml, message, line) in wrong where line > 0 {
            let error = #expect(throws: PipelineError.self, "\(yaml)") { try plan(yaml) }
            #expect(
                error?.message.contains(message) == true && error?.place?.line == line,
                "\(yaml): \(error?.description ?? "")")
        }
    }

    @Test("A header may be a secret's reference, for sources and for destinations")
    func headers() throws {
        let headers = "headers: { authorization: secret://env/KEY }"
        #expect(
            try plan("enrich: [{ source: { type: http, url: \"https://api.example.com/\", \(headers) }, as: them }]")
                .steps
                .count == 1)
        let url = JSONValue.string("https://api.example.com/")
        try DestinationRegistry.builtin.check(
            ["type": "http", "url": url, "headers": ["authorization": "secret://env/KEY"]])
        #expect(throws: ConnectorError.self) {
            try DestinationRegistry.builtin.check(
                ["type": "http", "url": url, "headers": ["authorization": "secret://nowhere"]])
        }
    }

    @Test("A column that is not there is named")
    func missing() async throws {
        for yaml in ["map: { a: b }", "privacy: { b: drop }"] {
            let error = await #expect(throws: PipelineError.self) {
                try await run(yaml, "seq\n1\n", [("seq", "bigint")])
            }
            #expect(error?.message.contains("\"b\"") == true)
        }
    }
}
