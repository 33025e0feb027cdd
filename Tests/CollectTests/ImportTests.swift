import Collect
import Journal
import Model
import Testing

@Suite("Files become items")
struct ImportTests {
    private func read(
        _ format: ImportReader.Format, _ file: String, map: String? = nil, zone: ImportZone = .utc, chunk: Int = 100
    ) throws -> [ImportRow] {
        var reader = ImportReader(
            format: format, mapping: try map.map { try ImportMapping(parsing: $0) }, zone: zone,
            receivedAt: receivedAt, ids: IDGenerator(seed: 4), batchRows: 3)
        let bytes = Array(file.utf8)
        var batches: [ImportBatch] = []
        for start in stride(from: 0, to: bytes.count, by: chunk) {
            batches += try reader.read(Array(bytes[start..<min(start + chunk, bytes.count)]))
        }
        batches += try reader.finish()
        for batch in batches.dropLast() { #expect(batch.rows.count == 3) }
        return batches.flatMap(\.rows)
    }

    private func shown(_ rows: [ImportRow]) -> [String] {
        rows.map { row in
            if let reason = row.rejection { return "\(row.line)! \(reason)" }
            return "\(row.line): \(line(row.item))"
        }
    }

    @Test func shopRows() throws {
        let file = """
            user_id,session_id,event,timestamp,platform,cohort
            user_0,s1,home,2024-03-13 10:21:14,desktop,2024-01
            user_0,,cart,2024-03-13 10:22:12.5,"",007
            """
        let map = "identity=user_id,timestamp=timestamp,event=event,properties=session_id+platform+cohort"
        #expect(
            try shown(read(.csv, file, map: map)) == [
                "2: event | user_0 | home | 2024-03-13T10:21:14.000000Z | "
                    + #"{"session_id":"s1","platform":"desktop","cohort":"2024-01"}"#,
                #"3: event | user_0 | cart | 2024-03-13T10:22:12.500000Z | {"platform":"","cohort":"007"}"#,
            ])
    }

    @Test func cdnowRows() throws {
        let file = "customer_id,date,cds,amount\r\n00001,1997-01-01,1,11.77\r\n00002,1997-01-12,5,77.00\r\n"
        let map = "identity=customer_id,timestamp=date,event:Purchased"
        #expect(
            try shown(read(.csv, file, map: map)) == [
                #"2: event | 00001 | Purchased | 1997-01-01T00:00:00.000000Z | {"cds":1,"amount":11.77}"#,
                #"3: event | 00002 | Purchased | 1997-01-12T00:00:00.000000Z | {"cds":5,"amount":77.00}"#,
            ])
        let amount = try read(.csv, file, map: map + ",properties=amount")
        #expect(text(amount[0].item.properties) == #"{"amount":11.77}"#)
        let none = try read(.csv, file, map: map + ",properties=")
        #expect(text(none[0].item.properties) == "{}")
        let east = try read(.csv, file, map: map, zone: try #require(ImportZone(fixed: "+02:00")))
        #expect(east[0].item.timestamp.text == "1996-12-31T22:00:00.000000Z")
    }

    @Test func rowsThatAreWrongAreRejectsWithTheirLine() throws {
        let file = """
            id,u,e,t
            1,,E,5
            2,a,,5
            3,a,E,
            4,a,E,soon
            ,a,E,5
            6,a
            7,"a,E,5
            8,a,E,2024-01-01T00:00:00+02:00
            """
        let rows = try read(.csv, file, map: "identity=u,timestamp=t,event=e,id=id")
        #expect(
            shown(rows).map { String($0.prefix(24)) } == [
                "2! identity is missing: ", "3! event is missing: giv", "4! timestamp is empty: a",
                "5! timestamp cannot be r", "6: event | a | E | 1970-", "7! the row has 2 cells, ",
                "8! a quote is opened and", "9: event | a | E | 2023-",
            ])
        #expect(text(rows[0].item.name).hasPrefix("line 2: ") && text(rows[0].item.properties) == "1,,E,5")
        #expect(text(rows[7].item.id) == "8" && rows[7].item.dedupID == hash("8"))
        #expect(text(rows[4].item.id).hasPrefix("imp_"))
    }

    @Test func aConstantEventIsReadInBothForms() throws {
        let plain = try ImportMapping(parsing: "identity=u,event:Signed Up")
        #expect(plain.event == .constant("Signed Up"))
        let joined = try ImportMapping(parsing: "identity=u,event=event:Signed Up")
        #expect(joined == plain)
    }

    @Test func sameRowsGetTheSameIdsAndTwinsStayTwo() throws {
        let map = "identity=u,timestamp=t,event:E"
        let head = "u,t,x\n"
        let rows = ["a,5,1\n", "a,5,1\n", "b,5,1\n", "a,5,2\n"]
        func ids(_ rows: [String], chunk: Int = 100) throws -> [String] {
            try read(.csv, head + rows.joined(), map: map, chunk: chunk).map { text($0.item.id) }
        }
        let first = try ids(rows)
        #expect(Set(first).count == 4)
        #expect(try ids(rows, chunk: 1) == first)
        // An overlapping file: the first row is gone, others have come.
        let second = try ids(["b,5,1\n", "c,5,1\n", "a,5,1\n", "a,5,2\n", "a,5,1\n", "a,5,1\n"])
        #expect(Set(second).intersection(first).count == 4)
        #expect(Set(second).count == 6)
        // The same moment written in another way is the same row; the id is a part of journal and store.
        #expect(try ids(["a,1970-01-01 00:00:05,1\n"]) == [first[0]])
        #expect(first[0] == "imp_" + first[0].dropFirst(4).filter(\.isHexDigit) && first[0].count == 36)
    }

    @Test func idsDoNotChangeFromReleaseToRelease() throws {
        let rows = try read(.csv, "u,t,x\na,5,1\n", map: "identity=u,timestamp=t,event:E")
        #expect(text(rows[0].item.id) == "imp_5219d470838221401c7dca95ed899a14")
        #expect(rows[0].item.dedupID == hash(text(rows[0].item.id)))
    }

    @Test func ourOwnExportsComeBack() throws {
        let csv = """
            seq,event_id,person_id,identity,event,timestamp,received_at,properties
            1,id-1,p_b,a,E,2024-01-02T03:04:05.000006Z,2024-01-02T03:04:05.000006Z,"{""x"":1.50,""y"":""é\\n""}"
            2,id-2,p_b,a,E,2024-01-02T03:04:05.000006Z,2024-01-02T03:04:05.000006Z,{}
            3,id-3,p_b,a,E,2024-01-02T03:04:05.000006Z,2024-01-02T03:04:05.000006Z,[]
            """
        let ndjson = """
            {"seq":1,"event_id":"id-1","identity":"a","event":"E","timestamp":"2024-01-02T03:04:05.000006Z","properties":{"x":1.50,"y":"é\\n"}}
            {"seq":2,"event_id":"id-2","identity":"a","event":"E","timestamp":"2024-01-02T03:04:05.000006Z","properties":{}}
            """
        let fromCSV = try read(.csv, csv)
        let fromNDJSON = try read(.ndjson, ndjson)
        #expect(fromCSV.count == 3 && fromNDJSON.count == 2)
        #expect(fromCSV[2].rejection?.contains("no JSON object") == true)
        for (a, b) in zip(fromCSV, fromNDJSON) { #expect(a.item == b.item) }
        #expect(text(fromCSV[0].item.properties) == #"{"x":1.50,"y":"é\n"}"#)
        #expect(text(fromCSV[0].item.id) == "id-1")
    }

    @Test func nativeLines() throws {
        let file = """
            {"identity":"a","event":"E","timestamp":5,"properties":{"x":1}}

            {"identity":"a","event":"E","timestamp":5,"properties":{"x":1}}
            {broken
            {"type":"set","identity":"a","properties":{"p":1},"id":"s"}
            """
        let rows = try read(.ndjson, file, chunk: 1)
        #expect(rows.map(\.line) == [1, 3, 4, 5])
        #expect(rows.map { $0.rejection == nil } == [true, true, false, true])
        #expect(rows[0].item.id != rows[1].item.id)
        #expect(try read(.ndjson, file) == rows)
    }

    @Test func mappedLines() throws {
        let map = "identity=user,timestamp=ts,event=name"
        let file = """
            {"user":7,"ts":5,"name":"E","amount":1.50,"x":{"y":[1, 2]},"gone":null}
            {"user":"a","ts":"5","name":"E","session":"s","properties":{"k":"v"}}
            {"user":[1],"ts":5,"name":"E"}
            {"user":"a","name":"E"}
            """
        #expect(
            try shown(read(.ndjson, file, map: map)).map { String($0.prefix(100)) } == [
                "1: event | 7 | E | 1970-01-01T00:00:05.000000Z | "
                    + #"{"amount":1.50,"x":{"y":[1,2]},"gone":null}"#,
                #"2: event | a | E | 1970-01-01T00:00:05.000000Z | {"k":"v"}"#,
                "3! user must be a text, but it is an array", "4! timestamp is empty: a row of the past needs its time",
            ])
        let listed = try read(.ndjson, file, map: map + ",properties=amount+session")
        #expect(text(listed[0].item.properties) == #"{"amount":1.50}"#)
        #expect(text(listed[1].item.properties) == #"{"session":"s"}"#)
    }

    @Test func longLinesAreRejectsHoweverTheyAreCut() throws {
        let long = "{\"identity\":\"" + String(repeating: "x", count: 300_000) + "\"}"
        let file = long + "\n{\"identity\":\"a\",\"event\":\"E\",\"timestamp\":5}\n"
        let rows = try read(.ndjson, file, chunk: 10_000_000)
        #expect(rows.map(\.line) == [1, 2])
        #expect(rows[0].rejection?.contains("65536") == true && rows[1].rejection == nil)
        for chunk in [997, 65_536, 65_537] { #expect(try read(.ndjson, file, chunk: chunk) == rows) }
    }

    @Test func mappings() throws {
        let mapping = try ImportMapping(
            parsing: #"identity="user, ""id""",timestamp=t s,event:Signed Up,properties=a+"b+c"+d,id=x"#)
        #expect(mapping.identity == .column("user, \"id\""))
        #expect(mapping.timestamp == .column("t s") && mapping.event == .constant("Signed Up"))
        #expect(mapping.properties == .columns(["a", "b+c", "d"]) && mapping.id == .column("x"))
    }

    @Test(arguments: [
        "identity", "identity=", "=x", "identity=a,", "identity=a,identity=b", "who=a", "properties:x", "id:1",
        "identity=\"a", "identity=\"a\"b", "object:x",
    ])
    func wrongMappings(_ text: String) {
        let error = #expect(throws: CollectError.self) { try ImportMapping(parsing: text) }
        #expect(error?.code == .mapping)
    }

    @Test(arguments: [
        ("a,b\n1,2\n", "identity=c,event:E"), ("a,a\n1,2\n", "identity=a,event:E"), ("a,b\n", "identity=a"),
        ("", "identity=a,event:E"), ("\"a,b\n1,2", "identity=a,event:E"), ("a\"\n", nil),
    ])
    func filesThatDoNotFitTheirMapping(_ file: String, _ map: String?) {
        #expect(throws: CollectError.self) { try read(.csv, file, map: map) }
    }

    @Test func zones() throws {
        #expect(ImportZone(fixed: "Europe/Berlin") == nil)
        let file = "identity,event,timestamp\na,E,2024-07-01 12:00:00\na,E,2024-07-01T12:00:00Z\na,E,5\n"
        // A zone by a rule that the caller knows: here, one that skips that day.
        let zone = ImportZone { _ in nil }
        let rows = try read(.csv, file, map: "identity=identity", zone: zone)
        #expect(rows.map { $0.rejection == nil } == [false, true, true])
        let west = try read(.csv, file, map: "identity=identity", zone: try #require(ImportZone(fixed: "-0530")))
        #expect(
            west.map(\.item.timestamp.text) == [
                "2024-07-01T17:30:00.000000Z", "2024-07-01T12:00:00.000000Z", "1970-01-01T00:00:05.000000Z",
            ])
        // Native lines, which need no mapping, are read in the same zone.
        let lines = [#""2024-07-01 12:00:00""#, #""2024-07-01\u002012:00:00""#, #""2024-07-01T12:00:00Z""#, "5"].map {
            #"{"identity":"a","event":"E","timestamp":\#($0)}"#
        }.joined(separator: "\n")
        let native = try read(.ndjson, lines, zone: try #require(ImportZone(fixed: "-0530")))
        #expect(
            native.map(\.item.timestamp.text) == [
                "2024-07-01T17:30:00.000000Z", "2024-07-01T17:30:00.000000Z", "2024-07-01T12:00:00.000000Z",
                "1970-01-01T00:00:05.000000Z",
            ])
        #expect(try read(.ndjson, lines, zone: zone).map { $0.rejection == nil } == [false, false, true, true])
        #expect(try read(.ndjson, lines).first?.item.timestamp.text == "2024-07-01T12:00:00.000000Z")
    }

    /// Two halves of a character in neighbouring cells must not be taken for a whole one.
    @Test func cellsAreUTF8EachForItself() throws {
        var reader = ImportReader(
            format: .csv, mapping: try ImportMapping(parsing: "identity=u,event=e"), receivedAt: receivedAt,
            ids: IDGenerator(seed: 1))
        let file = Array("u,e,x,y\na,E,".utf8) + [0xf0, 0x9f, 0x2c, 0x98, 0x80, 0x0a]
        let rows = try reader.read(file) + reader.finish()
        #expect(rows.flatMap(\.rows).map { $0.rejection?.contains("UTF-8") } == [true])
    }

    @Test func submissionsLeaveOutWhatIsKnown() throws {
        var reader = ImportReader(
            format: .csv, mapping: try ImportMapping(parsing: "identity=u,event:E"), receivedAt: receivedAt,
            ids: IDGenerator(seed: 1))
        _ = try reader.read(Array("u\na\nb\nc\n".utf8))
        let batch = try #require(reader.finish().first)
        #expect(batch.submission().count == 3)
        let left = try #require(decoded(batch.submission(leavingOut: [1])))
        #expect(left.map { text($0.identity) } == ["a", "c"])
    }
}
