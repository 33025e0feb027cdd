import Model
import Testing

@testable import Exports

/// A style; the zone is left to the tests of zones.
private func style(_ delimiter: String = ",", decimal: String = ".", guards: Bool = false) throws -> CellStyle {
    let json: JSONValue = [
        "delimiter": .string(delimiter), "decimal": .string(decimal), "formula_guard": .bool(guards),
    ]
    return try #require(CellStyle(SheetForm(json: json), zone: nil))
}

/// What a writing function appends for a text.
private func written(_ text: String, _ body: (inout Output, UnsafePointer<UInt8>, Int) -> Void) -> String {
    var out = Output(capacity: 1)
    let bytes = Array(text.utf8)
    unsafe bytes.withUnsafeBufferPointer { bytes in
        // Lent for the call; a text of no bytes needs an address, too.
        var none: UInt8 = 0
        unsafe withUnsafePointer(to: &none) { empty in unsafe body(&out, bytes.baseAddress ?? empty, bytes.count) }
    }
    return unsafe String(decoding: out.bytes, as: UTF8.self)
}

private func cell(_ text: String, _ style: CellStyle) -> String {
    unsafe written(text) { out, start, count in unsafe out.put(cell: start, count, style) }
}

private func token(_ json: String, _ style: CellStyle) -> String {
    unsafe written(json) { out, start, count in unsafe out.put(token: start, count, style) }
}

@Suite("The cells of a CSV for spreadsheets")
struct SheetCellTests {
    @Test(arguments: [",", ";", "|", "tab", "\\t", "=", "@", "{", "~"])
    func quotesStandWhereTheDelimiterNeedsThem(_ name: String) throws {
        let style = try style(name)
        let delimiter = ["tab", "\\t"].contains(name) ? "\t" : name
        var generator = SeededGenerator(seed: 5)
        let pieces = ["a", "long enough for words", "\"", ",", ";", "|", "\t", "\n", "\r", "é😀", "=", "@", "{", "~"]
        for _ in 0..<2_000 {
            let text = (0..<Int.random(in: 0..<9, using: &generator)).map { _ in
                pieces.randomElement(using: &generator) ?? ""
            }
            .joined()
            let needs =
                text.isEmpty || text.utf8.contains { [0x22, 0x0a, 0x0d, delimiter.utf8.first].contains($0) }
            let doubled = text.utf8.flatMap { $0 == 0x22 ? [0x22, 0x22] : [$0] }
            let plain = String(decoding: doubled, as: UTF8.self)
            #expect(cell(text, style) == (needs ? "\"\(plain)\"" : plain))
        }
    }

    @Test(arguments: [
        ("=1+2", "'=1+2"), ("+49 30 1234", "'+49 30 1234"), ("-5", "'-5"), ("@sum(a)", "'@sum(a)"), ("\tx", "'\tx"),
        ("\rx", "\"'\rx\""), ("=a,b", "\"'=a,b\""), ("=\"x\"", "\"'=\"\"x\"\"\""), ("=", "'="), ("", "\"\""),
        ("a=b", "a=b"), (" =1", " =1"), ("'=1", "'=1"), ("\nx", "\"\nx\""), ("5", "5"), ("＝1", "＝1"),
        ("é", "é"),
    ])
    func textsThatBeginLikeFormulasAreGuarded(_ text: String, _ wanted: String) throws {
        let guarded = try style(guards: true)
        #expect(cell(text, guarded) == wanted)
        // A guarded text stands as it is without a guard.
        let plain = try style()
        let first = text.utf8.first
        let isFormula = first.map { [0x3d, 0x2b, 0x2d, 0x40, 0x09, 0x0d].contains($0) } ?? false
        #expect((cell(text, plain) != cell(text, guarded)) == isFormula)
    }

    /// JSON values: a number is a number and no formula, a string is a text.
    @Test(arguments: [
        ("-5", "-5", "-5"), ("-5.25", "\"-5,25\"", "-5,25"), ("1.50", "\"1,50\"", "1,50"), ("7", "7", "7"),
        ("-1.5e-7", "\"-1,5e-7\"", "-1,5e-7"), ("1E5", "1E5", "1E5"), ("true", "true", "true"),
        ("\"-5\"", "'-5", "'-5"), ("\"1.5\"", "1.5", "1.5"), ("\"\"", "\"\"", "\"\""),
        (#""\u003d1;\"2\"""#, "\"'=1;\"\"2\"\"\"", "\"'=1;\"\"2\"\"\""),
        ("{\"n\":1.5}", "\"{\"\"n\"\":1.5}\"", "\"{\"\"n\"\":1.5}\""), ("[1.5,2]", "\"[1.5,2]\"", "[1.5,2]"),
        ("\"a;b\"", "a;b", "\"a;b\""),
    ])
    func jsonValues(_ json: String, _ withCommas: String, _ withSemicolons: String) throws {
        #expect(token(json, try style(",", decimal: ",", guards: true)) == withCommas)
        #expect(token(json, try style(";", decimal: ",", guards: true)) == withSemicolons)
    }

    @Test func aPointStaysAPoint() throws {
        #expect(token("1.5", try style(";")) == "1.5")
        #expect(token("\"=1\"", try style(";")) == "=1")
    }

    @Test(arguments: [
        "\"", "\n", "\r", "5", "a", "Z", "+", "-", ".", ":", "_", "'", " ", "", ",,", "ab", "§", "é", "\0", "\u{1}",
        "\u{7f}", "TAB", "\r\n",
    ])
    func whatCannotPartCellsIsNoDelimiter(_ text: String) throws {
        let error = #expect(throws: ExportError.self) {
            _ = try spec(JSONValue(dictionaryLiteral: ("dataset", "events"), ("delimiter", .string(text))).text)
        }
        #expect(error?.message.hasPrefix("\"delimiter\" is one character of") == true)
        #expect(error?.code == .invalidSpec)
    }
}
