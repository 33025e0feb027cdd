import Destinations
import Model
import Testing

@testable import Pipelines

@Suite("Files with more than pipelines in them")
struct FileTests {
    private static let flow = """
        segments:
          buyers: { segment: { did: Paid } }
          teams: { segment: { all: [{ segment: buyers }, { person: seats, gte: 10 }] } }
        reports:
          - name: paid
            report: { type: metric, measure: { event: Paid }, where: { segment: buyers } }
        endpoints:
          crm: { url: "https://crm.example.com/hook", notify: [{ endpoint: ops }, { slack: { url: secret://env/SLACK } }] }
          ops: { url: "https://ops.example.com/hook", secret: secret://env/HOOK }
        triggers:
          joined: { when: { segment: teams, on: entered }, then: [{ endpoint: crm }] }
          many: { when: { report: paid, above: 10 }, then: [] }
        destinations: { files: { type: folder, path: out } }
        alerts: { ops: { type: endpoint, id: ops } }
        pipelines:
          - name: a
            export: { dataset: people, columns: [identities], where: { segment: buyers }, incremental: false }
            load: { destination: files }
            on_failure: { alert: [{ type: endpoint, id: crm }] }
          - { name: b, export: { dataset: report, report: paid }, load: { destination: files } }
        """

    private static var names: ThingNames {
        var names = ThingNames()
        names.segments = ["buyers": "seg_1", "teams": "seg_2"]
        names.reports = ["paid": "rep_1"]
        names.endpoints = ["crm": "ep_1", "ops": "ep_2"]
        return names
    }

    @Test("Things are read in the order in which they can be made, as their own paths take them")
    func things() throws {
        let file = try PipelineFile(text: Self.flow)
        #expect(
            file.things.map { "\($0.kind.rawValue) \($0.name)" } == [
                "segment buyers", "segment teams", "report paid", "endpoint crm", "endpoint ops", "trigger joined",
                "trigger many",
            ])
        #expect(file.things[0].json == ["segment": ["did": "Paid"]])
        #expect(file.pipelines[1].export == ["dataset": "report", "report_id": "paid"])
        #expect(!file.pipelines[1].isIncremental && file.pipelines[1].mode == .replace)
        #expect(file.notes.isEmpty)
    }

    @Test("Names give way to ids wherever something is named, and nowhere else")
    func names() throws {
        let file = try PipelineFile(text: Self.flow).resolved(Self.names)
        let things = Dictionary(uniqueKeysWithValues: file.things.map { ($0.name, $0.json) })
        #expect(things["teams"]?["segment"]?["all"]?.arrayValue?.first == ["segment": "seg_1"])
        #expect(things["paid"]?["report"]?["where"] == ["segment": "seg_1"])
        #expect(things["crm"]?["notify"]?.arrayValue?.first == ["endpoint": "ep_2"])
        #expect(things["joined"]?["when"] == ["segment": "seg_2", "on": "entered"])
        #expect(things["joined"]?["then"] == [["endpoint": "ep_1"]])
        #expect(things["many"]?["when"] == ["report": ["report_id": "rep_1"], "above": 10])
        #expect(file.alerts[0].settings == ["type": "endpoint", "id": "ep_2"])
        #expect(file.pipelines[0].export["where"] == ["segment": "seg_1"])
        #expect(file.pipelines[0].alerts == [.inline(["type": "endpoint", "id": "ep_1"])])
        #expect(file.pipelines[1].export["report_id"] == "rep_1")
        // A second time there is nothing left to be put in place.
        #expect(try file.resolved(Self.names).pipelines == file.pipelines)
        // What is only written like a name is none.
        let other = """
            name: p
            export: { dataset: events, columns: [identity as segment] }
            validate: { columns: { segment: text } }
            map: { report: segment }
            load: { destination: { type: folder, path: buyers } }
            """
        var names = Self.names
        names.segments["text"] = "seg_3"
        let plain = try PipelineFile(text: other)
        #expect(try plain.resolved(names).pipelines == plain.pipelines)
    }

    @Test("Everything that is wrong is told, each with its place, in the order of the file")
    func all() throws {
        let error = #expect(throws: PipelineError.self) {
            try PipelineFile(
                text: """
                    segmnts: {}
                    triggers:
                      t: { when: { evnt: A }, then: [{ slak: {} }], extra: 1 }
                    pipelines:
                      - name: a
                        schedule: { cron: "61 * * * *" }
                        export: { dataset: evnts }
                        load: { destination: { type: folder, path: ../out }, mod: append }
                        after: [a, b, b]
                      - { name: a, export: { dataset: events }, load: { destination: { type: folder, path: out } } }
                    """)
        }
        let places = try #require(error).all.map { [$0.place?.line ?? 0, $0.place?.column ?? 0] }
        #expect(
            places == [
                [1, 1], [3, 14], [3, 36], [3, 49], [6, 23], [7, 24], [8, 58], [9, 13], [9, 19],
            ], "\(error?.description ?? "")")
    }

    @Test(
        "What can be known without a server is refused without one",
        arguments: [
            ("after: [b]", "after: [a]", (8, 14), "a -> b -> a"),
            ("load: { destination: { type: folder, path: a/../b } }", nil, (4, 48), ".."),
            ("load: { destination: { type: http, url: \"file:///etc/passwd\" } }", nil, (4, 45), "https://"),
            ("load: { destination: { type: http, url: \"http://example.com/in\" } }", nil, (4, 45), "plain text"),
            (
                "load: { destination: { type: s3, bucket: b, endpoint: \"http://s3.example.com\", access_key: secret://env/A, "
                    + "secret_key: secret://env/B } }", nil, (4, 59), "plain text"
            ),
            ("map: { Who: identiy }", nil, (4, 17), "did you mean \"identity\""),
            ("privacy: { nobody: mask }", nil, (4, 24), "no column \"nobody\""),
            (
                "load: { destination: { type: duckdb, path: x.db, table: t }, mode: upsert, key: [seq, sq] }", nil,
                (4, 91),
                "no column \"sq\""
            ),
            ("enrich: [{ source: { type: file, path: ../x.csv }, as: x }]", nil, (4, 44), ".."),
            ("enrich: [{ source: { type: file, path: x }, as: x }]", nil, (4, 24), "csv, ndjson or parquet"),
            (
                "enrich: [{ source: { type: http, url: \"https://a.example\", cursor: c }, as: x }]", nil, (4, 72),
                "needs"
            ),
        ] as [(String, String?, (Int, Int), String)])
    func known(line: String, other: String?, place: (Int, Int), message: String) throws {
        let load = line.hasPrefix("load") ? "" : "    load: { destination: { type: folder, path: out } }\n"
        var text = "pipelines:\n  - name: a\n    export: { dataset: events }\n    \(line)\n" + load
        text += "  - name: b\n    export: { dataset: events }\n    load: { destination: { type: folder, path: b } }\n"
        if let other {
            text = text.replacing("    load: { destination: { type: folder, path: b } }", with: "    \(other)")
            text += "    load: { destination: { type: folder, path: b } }\n"
        }
        let error = #expect(throws: PipelineError.self) { try PipelineFile(text: text) }
        let all = error?.all ?? []
        #expect(all.count == 1 && all[0].message.contains(message), "\(error?.description ?? "")")
        if other == nil {
            #expect(
                [all.first?.place?.line, all.first?.place?.column] == [place.0, place.1], "\(error?.description ?? "")")
        }
    }

    @Test("A query makes columns that nobody knows before it has run")
    func unknown() throws {
        let file = try PipelineFile(
            text: """
                name: a
                export: { dataset: events }
                enrich: [{ sql: "select *, 1 as number from export" }]
                map: { N: number }
                load: { destination: lake }
                on_failure: { alert: [opps] }
                after: [b]
                """)
        #expect(file.notes.map { $0.place?.line } == [5, 6, 7])
        #expect(
            try !PipelineFile(
                text: "name: p\nexport: { dataset: people, columns: [engagement_score as s] }\n"
                    + "load: { destination: { type: duckdb, path: x, table: t }, mode: upsert, key: s }"
            ).pipelines.isEmpty)
    }

    @Test("Two pipelines share a table only if both but add rows to it")
    func tables() throws {
        func claim(_ name: String, _ table: String, _ rest: String, _ export: String = "events") throws -> TableClaim? {
            let text = """
                name: \(name)
                export: { dataset: \(export), columns: [identity] }
                load: { destination: { type: duckdb, path: x.db, table: \(table) }\(rest) }
                """
            let pipeline = try #require(try PipelineFile(text: text).pipelines.first)
            guard case .inline(let settings) = pipeline.load.target else { return nil }
            return TableClaim(pipeline, settings, location: nil, registry: .builtin)
        }
        let adding = try #require(try claim("a", "t", ""))
        let upserting = try #require(try claim("b", "t", ", mode: upsert, key: identity"))
        #expect(try !adding.clashes(with: #require(try claim("c", "t", ""))))
        #expect(adding.clashes(with: upserting) && upserting.clashes(with: adding))
        #expect(try !upserting.clashes(with: #require(try claim("c", "u", ", mode: upsert, key: identity"))))
        #expect(!upserting.clashes(with: upserting))
        let folder: JSONValue = ["type": "folder", "path": "out"]
        #expect(
            TableClaim(
                try #require(try PipelineFile(text: DefinitionTests.whole).pipelines.first), folder, location: nil,
                registry: .builtin) == nil)
    }
}
