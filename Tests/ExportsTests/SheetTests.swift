import Exports
import Model
import Testing

@Suite("CSV files for spreadsheets")
struct SheetTests {
    private static let now = Timestamp(microseconds: 1_700_000_000_000_000)

    private static let items: [Item] = [
        item(
            .event, "=ann", name: "+1;2", #"{"n":1.50,"t":"-5","neg":-5,"o":{"x":1.5},"e":""}"#, at: 1_774_745_999,
            id: "e1"),
        item(
            .event, "bob;b", name: "Say, \"hi\"", #"{"n":-2.5e-3,"t":"\u0009tab","big":12345678901234567890.5}"#,
            at: 1_774_746_000, id: "e2"),
        item(.set, "=ann", #"{"plan":"@pro","age":41.5}"#, at: 1_774_746_001),
    ]

    private func resolve(_ json: String) throws -> ResolvedSpec {
        try spec(json).resolve(durableSeq: 100, now: Self.now) { local throws(ExportError) in
            Timestamp(microseconds: local - 3_600_000_000)
        }
    }

    private func text(_ fields: String) async throws -> String {
        let json =
            #"{"dataset":"events","order":"seq","columns":["identity as =who","event","timestamp","properties.n as n","properties.n::double as d","properties.t as t","properties.neg as neg","properties.o as o"]\#(fields)}"#
        return try await LiveStore.with { live in
            try await live.write(Self.items)
            return try await live.text(try spec(json))
        }
    }

    @Test func everythingTogether() async throws {
        let fields =
            #","bom":true,"delimiter":";","decimal":",","timezone":"Europe/Berlin","formula_guard":true"#
        #expect(
            try await text(fields)
                == "\u{feff}'=who;event;timestamp;n;d;t;neg;o\r\n"
                + #"'=ann;"'+1;2";2026-03-29T01:59:59.000000+01:00;1,50;1,5;'-5;-5;"{""x"":1.5}""# + "\r\n"
                + #""bob;b";"Say, ""hi""";2026-03-29T03:00:00.000000+02:00;-2,5e-3;-0,0025;"# + "'\ttab;;\r\n")
    }

    @Test(arguments: [
        (
            #","bom":true"#,
            "\u{feff}=who,event,timestamp,n,d,t,neg,o\r\n"
                + #"=ann,+1;2,2026-03-29T00:59:59.000000Z,1.50,1.5,-5,-5,"{""x"":1.5}""# + "\r\n"
                + #"bob;b,"Say, ""hi""",2026-03-29T01:00:00.000000Z,-2.5e-3,-0.0025,"# + "\ttab,,\r\n"
        ),
        (
            #","delimiter":"tab""#,
            "=who\tevent\ttimestamp\tn\td\tt\tneg\to\r\n"
                + "=ann\t+1;2\t2026-03-29T00:59:59.000000Z\t1.50\t1.5\t-5\t-5\t\"{\"\"x\"\":1.5}\"\r\n"
                + "bob;b\t\"Say, \"\"hi\"\"\"\t2026-03-29T01:00:00.000000Z\t-2.5e-3\t-0.0025\t\"\ttab\"\t\t\r\n"
        ),
        (
            #","decimal":",""#,
            "=who,event,timestamp,n,d,t,neg,o\r\n"
                + #"=ann,+1;2,2026-03-29T00:59:59.000000Z,"1,50","1,5",-5,-5,"{""x"":1.5}""# + "\r\n"
                + #"bob;b,"Say, ""hi""",2026-03-29T01:00:00.000000Z,"-2,5e-3","-0,0025","# + "\ttab,,\r\n"
        ),
        (
            #","timezone":"+05:30""#,
            "=who,event,timestamp,n,d,t,neg,o\r\n"
                + #"=ann,+1;2,2026-03-29T06:29:59.000000+05:30,1.50,1.5,-5,-5,"{""x"":1.5}""# + "\r\n"
                + #"bob;b,"Say, ""hi""",2026-03-29T06:30:00.000000+05:30,-2.5e-3,-0.0025,"# + "\ttab,,\r\n"
        ),
        (
            #","formula_guard":true"#,
            "'=who,event,timestamp,n,d,t,neg,o\r\n"
                + #"'=ann,'+1;2,2026-03-29T00:59:59.000000Z,1.50,1.5,'-5,-5,"{""x"":1.5}""# + "\r\n"
                + #"bob;b,"Say, ""hi""",2026-03-29T01:00:00.000000Z,-2.5e-3,-0.0025,"# + "'\ttab,,\r\n"
        ),
    ])
    func oneOption(_ fields: String, _ wanted: String) async throws {
        #expect(try await text(fields) == wanted)
    }

    /// Whatever is usual changes no byte, said or not.
    @Test func theUsualIsTheUsual() async throws {
        let plain = try await text("")
        let said = #","bom":false,"delimiter":",","decimal":".","timezone":"UTC","formula_guard":false"#
        #expect(try await text(said) == plain)
        #expect(try await text(#","timezone":"+00:00""#) == plain)
        #expect(try await text(#","timezone":"Z","delimiter":null"#) == plain)
    }

    @Test func theOtherDatasets() async throws {
        let texts = try await LiveStore.with { live in
            try await live.write(Self.items)
            var out: [String] = []
            for json in [
                #"{"dataset":"property-changes","delimiter":";","decimal":",","formula_guard":true,"timezone":"+01:00"}"#,
                #"{"dataset":"people","delimiter":";","formula_guard":true,"columns":["identities","person.plan as p","properties.age as a","last_seen"],"decimal":","}"#,
                #"{"dataset":"identities","delimiter":"|","formula_guard":true}"#,
                #"{"dataset":"events","order":"seq","bom":true,"formula_guard":true,"columns":["properties.neg"]}"#,
            ] { out.append(try await live.text(try spec(json))) }
            return out
        }
        #expect(
            texts == [
                "seq;person_id;identity;timestamp;name;value\r\n"
                    + "3;p_b;'=ann;2026-03-29T02:00:01.000000+01:00;age;41,5\r\n3;p_b;'=ann;2026-03-29T02:00:01.000000+01:00;plan;'@pro\r\n",
                "identities;p;a;last_seen\r\n\"[\"\"=ann\"\"]\";'@pro;41,5;2026-03-29T00:59:59.000000Z\r\n"
                    + "\"[\"\"bob;b\"\"]\";;;2026-03-29T01:00:00.000000Z\r\n",
                "identity|person_id|named|first_seq\r\n'=ann|p_b|false|1\r\nbob;b|p_c|false|2\r\n",
                "\u{feff}properties.neg\r\n-5\r\n\"\"\r\n",
            ])
    }

    /// Each file is opened alone.
    @Test func everyPartHasMarkAndHeader() async throws {
        try await LiveStore.with { live in
            try await live.write((0..<5).map { item(.event, "u\($0)", name: "E", at: Int64($0), id: "i\($0)") })
            let json = #"{"dataset":"events","order":"seq","columns":["identity"],"bom":true,"part_rows":2}"#
            let manifest = try await live.export(try await live.resolve(try spec(json)), to: "p.csv")
            let parts = try manifest.parts.map { try live.contents($0.file) }
            #expect(
                parts == [
                    "\u{feff}identity\r\nu0\r\nu1\r\n", "\u{feff}identity\r\nu2\r\nu3\r\n",
                    "\u{feff}identity\r\nu4\r\n",
                ])
            #expect(try ManifestVerifier.verify(live.folder + "/p.csv.manifest.json").manifest == manifest)
        }
    }

    // MARK: The specification

    @Test(arguments: [
        (#""bom":"yes""#, "\"bom\" is true or false"), (#""formula_guard":1"#, "\"formula_guard\" is true or false"),
        (#""decimal":";""#, "\"decimal\" is \".\" or \",\""), (#""decimal":5"#, "\"decimal\" is \".\" or \",\""),
        (#""delimiter":5"#, "\"delimiter\" is one character of"),
        (#""delimiter":"\"""#, "\"delimiter\" is one character of"),
        (#""format":"ndjson","bom":true"#, "\"bom\" is for CSV files only, and the format is ndjson"),
        (#""format":"parquet","delimiter":",""#, "\"delimiter\" is for CSV files only, and the format is parquet"),
        (#""format":"ndjson","decimal":",""#, "\"decimal\" is for CSV files only"),
        (#""format":"ndjson","formula_guard":true"#, "\"formula_guard\" is for CSV files only"),
    ])
    func refuses(_ fields: String, _ start: String) throws {
        let error = #expect(throws: ExportError.self) { try spec(#"{"dataset":"events",\#(fields)}"#).check() }
        #expect(error?.message.hasPrefix(start) == true, "\(error?.message ?? "")")
    }

    /// The zone of the times that are read is that of those written where a spreadsheet is meant, or where none is read.
    @Test(arguments: [
        (#""timezone":"Europe/X""#, "Europe/X"), (#""timezone":"+02:00","from":"-7d""#, "+02:00"),
        (#""timezone":"Europe/X","from":"2023-01-01T00:00:00Z","to":"1700000000""#, "Europe/X"),
        (#""timezone":"Europe/X","from":"2023-01-01""#, nil),
        (#""timezone":"Europe/X","to":"2023-01-01 10:00:00""#, nil),
        (#""timezone":"Europe/X","as_of":"2023-01-01""#, nil),
        (#""timezone":"Europe/X","from":"2023-01-01","bom":true"#, "Europe/X"),
        (#""timezone":"Europe/X","from":"2023-01-01","delimiter":",""#, "Europe/X"),
        (#""timezone":"Europe/X","from":"2023-01-01","decimal":",""#, "Europe/X"),
        (#""timezone":"Europe/X","from":"2023-01-01","formula_guard":true"#, "Europe/X"),
        (#""timezone":"UTC","bom":true"#, nil), (#""timezone":"+00:00""#, nil), (#""bom":true"#, nil),
        (#""timezone":"Europe/X","format":"ndjson""#, nil), (#""timezone":"Europe/X","format":"parquet""#, nil),
    ])
    func theZoneOfWrittenTimes(_ fields: String, _ zone: String?) throws {
        #expect(try resolve(#"{"dataset":"events",\#(fields)}"#).writtenZone == zone)
    }

    @Test(arguments: [
        #""bom":true,"delimiter":"tab","decimal":",","formula_guard":true,"timezone":"Europe/X""#,
        #""from":"2023-01-01","timezone":"Europe/X","delimiter":",""#,
        #""timezone":"-03:00","to":"2023-01-01T00:00:00Z""#,
        #""from":"2023-01-01","timezone":"Europe/X""#, #""delimiter":"\t""#, #""delimiter":"|","part_rows":3"#,
    ])
    func aManifestSaysItAll(_ fields: String) throws {
        let resolved = try resolve(#"{"dataset":"events",\#(fields)}"#)
        let again = try ExportSpec(json: resolved.json)
            .resolve(durableSeq: 10_000, now: Timestamp(microseconds: 0)) { _ throws(ExportError) in Self.now }
        #expect(again == resolved)
        #expect(again.json == resolved.json)
    }

    @Test func aManifestRepeatsItsBytes() async throws {
        try await LiveStore.with { live in
            try await live.write(Self.items)
            let json =
                #"{"dataset":"events","from":"2026-03-29","timezone":"Europe/Berlin","bom":true,"delimiter":"tab","decimal":",","formula_guard":true}"#
            let manifest = try await live.export(try await live.resolve(try spec(json)), to: "a.csv")
            #expect(
                manifest.spec.text.contains(
                    #""bom":true,"delimiter":"tab","decimal":",","formula_guard":true,"timezone":"Europe/Berlin""#))
            try await live.write([item(.event, "later", name: "E", at: 1_774_746_005)])
            let again = try await live.resolve(try ExportSpec(json: manifest.spec), now: 1_900_000_000)
            try await live.export(again, to: "b.csv")
            #expect(try live.bytes("a.csv") == live.bytes("b.csv"))
        }
    }
}
