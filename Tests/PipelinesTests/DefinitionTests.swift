import Destinations
import Model
import Testing

@testable import Pipelines

@Suite("Definitions of pipelines")
struct DefinitionTests {
    static let whole = """
        name: crm-enrichment
        schedule: { cron: "0 6 * * *", timezone: America/New_York, jitter: 10m, buffer: 30m, catch_up: latest }
        export:   { dataset: people, columns: ["person.email as email", last_seen, events_total], incremental: true }
        validate: { not_empty: true, row_count: { max_drop: 90% }, columns: { email: { required: true, matches: email }, last_seen: timestamp } }
        load:     { destination: { type: postgres, url: secret://env/URL, table: people }, key: email, mode: upsert }
        on_failure: { retry: { attempts: 5, backoff: exponential, base: 30s }, fallback: previous }
        freshness: { warn_after: 26h, fail_after: 50h }
        retain:   { files: until_verified }
        """

    @Test("The pipeline of the design is read whole")
    func design() throws {
        let file = try PipelineFile(text: Self.whole)
        let pipeline = try #require(file.pipelines.first)
        #expect(pipeline.name == "crm-enrichment")
        #expect(pipeline.schedule?.buffer == 1_800_000_000)
        #expect(pipeline.isIncremental)
        #expect(pipeline.mode == .upsert)
        #expect(pipeline.load.key == ["email"])
        #expect(pipeline.retry == RetryPolicy(attempts: 5, backoff: .exponential, base: 30_000_000))
        #expect(pipeline.validation.columns.map(\.name) == ["email", "last_seen"])
        #expect(pipeline.validation.columns[1].type == .timestamp)
        // What is kept is read again in the same way.
        #expect(try PipelineDefinition(json: pipeline.json) == pipeline)
    }

    @Test("Several pipelines and destinations in one file, and in several documents")
    func several() throws {
        let file = try PipelineFile(
            text: """
                destinations:
                  lake: { type: folder, path: out }
                pipelines:
                  - { name: a, export: { dataset: events }, load: { destination: lake } }
                  - { name: b, export: { dataset: people }, load: { destination: lake } }
                ---
                name: c
                export: { dataset: aliases }
                load: { destination: { type: duckdb, path: x.db, table: t } }
                """)
        #expect(file.pipelines.map(\.name) == ["a", "b", "c"])
        #expect(file.destinations.map(\.name) == ["lake"])
        #expect(file.pipelines.map(\.isIncremental) == [true, false, true])
        #expect(file.pipelines.map(\.mode) == [.append, .replace, .append])
        #expect(
            file.pipelines[0].export["columns"]?.arrayValue?.compactMap(\.stringValue)
                == ["seq", "event_id", "identity", "event", "timestamp", "received_at", "properties"])
    }

    private static let head = "name: p\nexport: { dataset: events }\n"
    private static let load = "load: { destination: { type: folder, path: out } }\n"

    @Test(
        "What there is not is refused, with its line and column",
        arguments: [
            ("", nil, "nothing in it"),
            ("name: p\nload: [1", (3, 1), "no YAML"),
            ("name: p\nname: q\n", (1, 1), "\"name\" is there twice"),
            (head + load + "shedule: {}\n", (4, 1), "there is no \"shedule\""),
            (head + load + "shedule: {}\n", (4, 1), "did you mean \"schedule\"?"),
            (load + "export: { dataset: events }\n", (1, 1), "\"name\" is missing"),
            ("name: P q\n" + load + "export: { dataset: events }\n", (1, 7), "is no name"),
            (head, (1, 1), "\"load\" is missing"),
            (load + "name: p\n", (1, 1), "\"export\" is missing"),
            (head + load + "schedule: { cron: \"61 * * * *\" }\n", (4, 19), "is no minute"),
            (head + load + "schedule: { cron: \"0 6 * * *\", timezone: Mars/Base }\n", (4, 42), "no time zone"),
            (head + load + "schedule: { cron: \"0 6 * * *\", jitter: soon }\n", (4, 40), "a duration such as"),
            (head + load + "schedule: { cron: \"0 6 * * *\", catch_up: never }\n", (4, 42), "none, latest, all"),
            (head + load + "schedule: { timezone: UTC }\n", (4, 11), "\"cron\" is missing"),
            ("name: p\nexport: { dataset: event }\n" + load, (2, 20), "no such dataset"),
            ("name: p\nexport: { dataset: events, columns: [nope] }\n" + load, (2, 37), "nope"),
            ("name: p\nexport: { dataset: events, from: -7d }\n" + load, (2, 34), "incremental: false"),
            ("name: p\nexport: { dataset: people, incremental: yes }\n" + load, (2, 41), "true or false"),
            (head + "load: { destination: { type: fodler, path: out } }\n", (3, 30), "no destination \"fodler\""),
            (head + "load: { destination: { type: folder } }\n", (3, 22), "\"path\" is missing"),
            (head + "load: { destination: { type: folder, path: out, mode: x } }\n", (3, 49), "there is no \"mode\""),
            (head + "load: { destination: { type: folder, path: out }, mode: upsert }\n", (3, 7), "\"key\" is missing"),
            (
                head + "load: { destination: { type: folder, path: out }, mode: upsert, key: event_id }\n", (3, 7),
                "knows no mode upsert"
            ),
            (head + "load: { destination: { type: folder, path: out }, mode: replace }\n", nil, nil),
            (
                "name: p\nexport: { dataset: events, incremental: true }\nload: { destination: { type: folder, path: out }, mode: replace }\n",
                (3, 7), "in the place of everything"
            ),
            (
                head + "load: { destination: { type: postgres, url: \"postgresql://u:secret@h/d\", table: t } }\n",
                (3, 45),
                "is a secret"
            ),
            (head + "load: { destination: { type: postgres, url: secret://vault/x, table: t } }\n", (3, 22), "secret"),
            (
                head + "load: { destination: { type: duckdb, path: secret://env/X, table: t } }\n", (3, 44),
                "no reference"
            ),
            (
                "name: p\nexport: { dataset: events, format: parquet }\nload: { destination: { type: postgres, url: secret://env/X, table: t } }\n",
                (3, 7), "takes no parquet"
            ),
            (head + load + "validate: { row_count: { max_drop: much } }\n", (4, 36), "a share such as 90%"),
            (head + load + "validate: { row_count: { max_rise: inf% } }\n", (4, 36), "at most 1000000%"),
            (head + load + "validate: { row_count: { max_rise: 1e300% } }\n", (4, 36), "at most 1000000%"),
            (head + load + "retain: { files: 5m }\n", (4, 18), "until_verified"),
            (head + load + "retain: { files: 7d }\n", nil, nil),
            (head + load + "retain: { encrypt: age1x }\n", (4, 20), "files: 7d"),
            (head + load + "retain: { files: 7d, encrypt: age1x }\n", (4, 31), "age"),
            (head + load + "validate: { columns: { event: { type: word } } }\n", (4, 39), "text, bigint"),
            (head + load + "on_failure: { retry: { attempts: 0 } }\n", (4, 34), "from 1 to 20"),
            (head + load + "freshness: { warn_after: 2h, fail_after: 1h }\n", (4, 12), "longer than"),
        ] as [(String, (Int, Int)?, String?)])
    func refused(text: String, place: (Int, Int)?, reason: String?) throws {
        guard let reason else {
            _ = try PipelineFile(text: text)
            return
        }
        let error = #expect(throws: PipelineError.self) { try PipelineFile(text: text) }
        #expect(error?.message.contains(reason) ?? false, "\(error?.description ?? "")")
        #expect(error?.place?.line == place?.0, "\(error?.description ?? "")")
        #expect(error?.place?.column == place?.1, "\(error?.description ?? "")")
    }

    @Test("JSON is read, too, and words that look like truths elsewhere stay words")
    func json() throws {
        let file = try PipelineFile(
            text:
                #"{"name": "p", "export": {"dataset": "events", "where": {"property": "country", "is": "NO"}}, "load": {"destination": "d"}}"#
        )
        #expect(file.pipelines.first?.export["where"]?["is"] == "NO")
        let yaml = try PipelineFile(
            text:
                "name: p\nexport: { dataset: events, where: { property: country, is: NO } }\nload: { destination: d }\n"
        )
        #expect(yaml.pipelines.first?.export == file.pipelines.first?.export)
    }

    @Test("Aliases that multiply do not take the memory")
    func bomb() {
        var text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
        for level in 1...9 {
            text += "a\(level): &a\(level) [\((0..<10).map { _ in "*a\(level - 1)" }.joined(separator: ","))]\n"
        }
        #expect(throws: PipelineError.self) { try PipelineFile(text: text) }
    }

    @Test("A plan names each difference")
    func plan() throws {
        let old: JSONValue = ["a": 1, "b": ["c": "x", "d": [1, 2]], "e": true]
        let new: JSONValue = ["a": 1, "b": ["c": "y", "d": [1, 3]], "f": nil]
        let changes = PipelineChange.between(old, new)
        #expect(changes.map(\.path) == ["b.c", "b.d", "f", "e"])
        #expect(changes[0] == PipelineChange(path: "b.c", old: "x", new: "y"))
        #expect(changes[3] == PipelineChange(path: "e", old: true, new: nil))
        #expect(PipelineChange.between(old, old).isEmpty)
    }
}
