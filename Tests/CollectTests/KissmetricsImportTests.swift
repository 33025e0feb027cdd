import Collect
import Journal
import Model
import Testing

@Suite("KISSmetrics' own export is read as it is")
struct KissmetricsImportTests {
    private func read(_ file: [UInt8], chunk: Int = 100) throws -> [ImportRow] {
        var reader = ImportReader(
            format: .kissmetrics, receivedAt: receivedAt, ids: IDGenerator(seed: 4), batchRows: 3)
        var batches: [ImportBatch] = []
        for start in stride(from: 0, to: file.count, by: chunk) {
            batches += try reader.read(Array(file[start..<min(start + chunk, file.count)]))
        }
        batches += try reader.finish()
        return batches.flatMap(\.rows)
    }

    private func read(_ lines: String...) throws -> [ImportRow] {
        try read(Array(lines.joined(separator: "\n").utf8))
    }

    private func shown(_ line: String) throws -> String {
        let rows = try read(line)
        guard rows.count == 1 else { return "\(rows.count) rows" }
        return rows[0].rejection.map { "! \($0)" } ?? Self.line(rows[0].item)
    }

    /// The item in one line, with the time of receipt where that is not the import's.
    private static func line(_ item: Item) -> String {
        CollectTests.line(item) + (item.receivedAt == receivedAt ? "" : " | received \(item.receivedAt.text)")
    }

    @Test(arguments: [
        // Lines as the export has them: an event, an event without properties, a set, an alias; keys in any order.
        (
            #"{"viewed url":"http://a/","referrer":"Direct","_n":"page view","_p":"yz8c/+=","_t":1351187280}"#,
            "event | yz8c/+= | page view | 2012-10-25T17:48:00.000000Z | "
                + #"{"viewed url":"http://a/","referrer":"Direct"} | sets | folds"#
        ),
        (
            #"{"_n":"config step 1","_p":"c27@h.com","_t":1312398000}"#,
            "event | c27@h.com | config step 1 | 2011-08-03T19:00:00.000000Z | {} | sets | folds"
        ),
        (
            #"{"_p":"fyn=","sku":"123","_t":1354670854}"#,
            #"set | fyn= | 2012-12-05T01:27:34.000000Z | {"sku":123} | folds"#
        ),
        (
            #"{"_p2":"ann@e.com","_p":"wuy=","_t":1351187435}"#,
            "alias | wuy= | ann@e.com | 2012-10-25T17:50:35.000000Z | names"
        ),
        // Texts that are JSON numbers are numbers, with their digits; others are texts.
        (
            #"{"_p":"a","_t":5,"n":"1.50","z":"007","e":"1e5","neg":"-3","cur":"$5","t":"True","num":7.10,"x":""}"#,
            "set | a | 1970-01-01T00:00:05.000000Z | "
                + #"{"n":1.50,"z":"007","e":1e5,"neg":-3,"cur":"$5","t":"True","num":7.10,"x":""} | folds"#
        ),
        // What KISSmetrics never wrote, but its importer takes, stays as it is.
        (
            #"{"_p":"a","_t":5,"l":[1, 2],"o":{"x":null},"t":true,"n":null}"#,
            #"set | a | 1970-01-01T00:00:05.000000Z | {"l":[1,2],"o":{"x":null},"t":true,"n":null} | folds"#
        ),
        // System keys are no properties, and the server's time is that of receipt.
        (
            #"{"_n":"opened","_p":"a","_t":1397577453,"_c":"mobile_app","_server_timestamp":1397577456,"_x":"y","plan":"b"}"#,
            #"event | a | opened | 2014-04-15T15:57:33.000000Z | {"plan":"b"} | sets | folds"#
                + " | received 2014-04-15T15:57:36.000000Z"
        ),
        (
            #"{"_n":"opened","_p":"a","_t":"5","_server_timestamp":"7"}"#,
            "event | a | opened | 1970-01-01T00:00:05.000000Z | {} | sets | folds"
                + " | received 1970-01-01T00:00:07.000000Z"
        ),
        // Octal escapes, in values, names and identities.
        (
            #"{"_n":"caf\303\251","_p":"zo\303\253","_t":5,"pr\303\251nom":"\302\243"}"#,
            #"event | zoë | café | 1970-01-01T00:00:05.000000Z | {"prénom":"£"} | sets | folds"#
        ),
        // Commas and colons of names are spaces; case is left to the store, which knows the form that came first.
        (
            #"{"_n":"Signed,Up:now","_p":"a,b:c","_t":5,"Plan:Name":"x"}"#,
            #"event | a,b:c | Signed Up now | 1970-01-01T00:00:05.000000Z | {"Plan Name":"x"} | sets | folds"#
        ),
        // The first of a key given twice counts, whatever its case.
        (
            #"{"_p":"a","_p":"b","_t":5,"_t":6,"plan":"x","Plan":"y","plan":"z"}"#,
            #"set | a | 1970-01-01T00:00:05.000000Z | {"plan":"x"} | folds"#
        ),
        // Numbers as ids, seconds with a fraction, times before 1970.
        (#"{"_p":42,"_t":-1.5,"x":1}"#, #"set | 42 | 1969-12-31T23:59:58.500000Z | {"x":1} | folds"#),
        (
            #"{"_p":"a","_p2":7,"_t":5}"#, "alias | a | 7 | 1970-01-01T00:00:05.000000Z | names"
        ),
        (#"{ "_p" : "a" , "_t" : 5 , "_n" : "e" }"#, "event | a | e | 1970-01-01T00:00:05.000000Z | {} | sets | folds"),
        // Refused, each with its reason.
        (#"{"_n":"e","_t":5}"#, "! _p is missing: give the person's identity"),
        (#"{"_n":"e","_p":"","_t":5}"#, "! _p is empty: give 1-255 characters"),
        (#"{"_n":"e","_p":null,"_t":5}"#, "! _p is missing: give the person's identity"),
        (#"{"_n":"e","_p":["a"],"_t":5}"#, "! _p must be a text, but it is an array"),
        (#"{"_n":"e","_p":"a"}"#, "! _t is missing: a line of the past needs its time, in epoch seconds"),
        (#"{"_n":"","_p":"a","_t":5}"#, "! _n is empty: give 1-255 characters"),
        (
            #"{"_n":":","_p":"a","_t":5}"#,
            "! _n holds only white space or control characters: give a text that can be seen"
        ),
        (
            #"{"_n":"e","_p":"a","_t":"soon"}"#,
            "! _t cannot be read: give RFC 3339 (2026-01-31T12:00:00Z) or epoch seconds, years 0001 to 9999"
        ),
        (
            #"{"_n":"e","_p":"a","_t":1397577453000}"#,
            "! _t is out of range: epoch seconds are needed, and this looks like milliseconds or less"
        ),
        (
            #"{"_n":"e","_p":"a","_t":5,"_server_timestamp":"x"}"#,
            "! _server_timestamp cannot be read: give RFC 3339 (2026-01-31T12:00:00Z) or epoch seconds, "
                + "years 0001 to 9999"
        ),
        (
            #"{"_p":"a","_t":5,"_c":"mobile_app"}"#,
            "! the line says nothing: it needs _n (an event), _p2 (an alias) or a property"
        ),
        (#"{"_p":"a","_t":5,"":"x"}"#, #"! the property name "" is empty: give 1-255 characters"#),
        (
            #"{"_p":"a","_p2":"null","_t":5}"#,
            #"! "null" names nobody: such an id is never tied to another"#
        ),
        (#"{"_p":"a","_p2":"a","_t":5}"#, "! both identities are the same: an alias ties two different ones"),
        (#"{"_p":"a","_p2":"","_t":5}"#, "! _p2 is empty: give 1-255 characters"),
        (
            #"{"_p":"a","_p2":"b","_t":5,"_n":"e"}"#,
            "! the line has _p2 beside an event or properties: a line that ties two identities does only that"
        ),
        (
            #"{"_p":"a","_p2":"b","_t":5,"x":1}"#,
            "! the line has _p2 beside an event or properties: a line that ties two identities does only that"
        ),
        (#"{"_p":"a","_t":5,"x":1,"_nth":"0"}"#, "! _nth must be a whole number above 0"),
        (#"{"_p":"a","_t":5,"x":"\q"}"#, "! the line is not a JSON object: no such escape in a string at byte 22"),
        (#"{"_p":"a","_t":5,"x":1"#, "! the line is not a JSON object: the text ends inside an object at byte 22"),
        (#"{"_p":"a","_t":5,"x":1}}"#, "! the line is not a JSON object: something follows the object at byte 23"),
        ("[]", "! the line is not a JSON object: an object { should be here at byte 0"),
    ])
    func table(_ line: String, _ wanted: String) throws {
        #expect(try shown(line) == wanted)
    }

    @Test func linesOfAFile() throws {
        let file = """
            \u{feff}{"_n":"e","_p":"a","_t":9}\r

               \t
            {"_n":"e","_p":"a","_t":5}
            nonsense
            {"_p":"a","_t":5,"x":"\\302\\243"}
            """
        let rows = try read(Array(file.utf8))
        // Out of order, with their numbers; a refused line is kept as it came.
        #expect(rows.map(\.line) == [1, 4, 5, 6])
        #expect(rows.map { $0.rejection == nil } == [true, true, false, true])
        #expect(text(rows[2].item.properties) == "nonsense" && text(rows[2].item.name).hasPrefix("line 5: "))
        for chunk in [1, 7, 1_000] { #expect(try read(Array(file.utf8), chunk: chunk) == rows) }
    }

    @Test func longLines() throws {
        // Octal escapes take four bytes for one, so that a line may be longer than an item.
        let long = #"{"_p":"a","_t":5,"x":""# + String(repeating: #"\303\251"#, count: 20_000) + "\"}"
        #expect(long.utf8.count > CollectLimits.itemBytes)
        #expect(try read(long)[0].rejection == nil)
        let tooLong = #"{"_p":"a","_t":5,"x":""# + String(repeating: "x", count: 300_000) + "\"}\n"
        let file = Array((tooLong + #"{"_p":"b","_t":5,"x":1}"#).utf8)
        let rows = try read(file, chunk: 1 << 20)
        #expect(rows.map(\.line) == [1, 2] && rows[1].rejection == nil)
        #expect(rows[0].rejection == "the line has over 262144 bytes: no more are taken")
        for chunk in [997, 262_144] { #expect(try read(file, chunk: chunk) == rows) }
    }

    /// A line is a duplicate of a call with the same identity, name and `_t`, and its properties of that call's properties.
    @Test func duplicatesAreThoseOfTheCalls() throws {
        let call = KissmetricsRequest.parse(
            path: "/e", query: Array("_p=ann&_n=Signed+Up&_t=1700000060&_d=1&Plan=Pro&Seats=12".utf8),
            receivedAt: receivedAt, ids: IDGenerator(seed: 1))
        let called = try #require(decoded(call.submission)?.first)
        let row = try read(
            #"{"plan":"Pro","_n":"signed up","seats":"12","_p":"ann","_t":1700000060}"#)[0]
        #expect(row.item.dedupID == called.dedupID && row.item.partIDs == called.partIDs)
        #expect(row.parts.map(\.dedupID) == row.item.partIDs)
        #expect(row.parts.map { text($0.properties) } == [#"{"plan":"Pro"}"#, #"{"seats":12}"#])
        let set = KissmetricsRequest.parse(
            path: "/s", query: Array("_p=ann&_t=5&_d=1&plan=x".utf8), receivedAt: receivedAt, ids: IDGenerator(seed: 1))
        let alias = KissmetricsRequest.parse(
            path: "/a", query: Array("_p=ann&_n=bob&_t=5".utf8), receivedAt: receivedAt, ids: IDGenerator(seed: 1))
        let rows = try read(#"{"_p":"ann","_t":"5","plan":"x"}"#, #"{"_p":"bob","_p2":"ann","_t":5.0}"#)
        #expect(rows[0].item.dedupID == decoded(set.submission)?.first?.dedupID)
        #expect(rows[1].item.dedupID == decoded(alias.submission)?.first?.dedupID)
    }

    @Test func whatMakesALineAnother() throws {
        let rows = try read(
            #"{"_n":"e","_p":"a","_t":5,"x":"1"}"#, #"{"_n":"E","_p":"a","_t":"5","y":"1"}"#,
            #"{"_n":"e","_p":"a","_t":6}"#, #"{"_n":"e","_p":"b","_t":5}"#, #"{"_n":"f","_p":"a","_t":5}"#,
            #"{"_n":"e","_p":"a","_t":5,"_nth":"2","x":"1"}"#, #"{"_n":"e","_p":"a","_t":5.5}"#,
            #"{"_p":"a","_t":5,"x":"1"}"#)
        let ids = rows.map(\.item.dedupID)
        #expect(ids[0] == ids[1] && Set(ids).count == 7)
        #expect(rows[0].item.id == rows[1].item.id && text(rows[0].item.id).hasPrefix("imp_"))
        // The parts of the second line are other ones: its property is stored although its event is not.
        #expect(rows[0].item.partIDs != rows[1].item.partIDs)
        #expect(Set(rows.flatMap(\.item.partIDs)).count == 4)
        #expect(rows.map(\.nth) == [1, 1, 1, 1, 1, 2, 1, 1])
        #expect(text(rows[0].item.id) == "imp_" + hexadecimal(rows[0].item.dedupID))
    }

    private func hexadecimal(_ hash: Hash128) -> String {
        [hash.high, hash.low].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    @Test func idsDoNotChangeFromReleaseToRelease() throws {
        let row = try read(#"{"_n":"e","_p":"a","_t":5,"x":"1"}"#)[0]
        #expect(text(row.item.id) == "imp_c5399cccbd6d7320acc9ef6b25964fc7")
    }

    @Test func moreProperties() throws {
        let members = (0..<600).map { "\"p\($0)\":\"\($0)\"" }.joined(separator: ",")
        let row = try read("{\"_n\":\"e\",\"_p\":\"a\",\"_t\":5,\(members)}")[0]
        #expect(row.rejection == nil && row.parts.count == 200)
        let joined = row.parts.map { text($0.properties).dropFirst().dropLast() }.joined(separator: ",")
        #expect("{" + joined + "}" == text(row.item.properties))
        // The journal takes an item with as many parts as it has ids.
        var submission = Submission()
        submission.add(row.item, parts: row.parts)
        #expect(decoded(submission)?.first?.partIDs.count == 200)
    }
}
