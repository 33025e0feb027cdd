import Model
import Testing

@Suite("The scanner accepts JSON and nothing else")
struct JSONScannerTests {
    @Test(arguments: [
        "{}", "[]", " {\"a\" : [1, -0.5e+10, true, false, null, \"x\\u00e9\\n\"] } ", "\"\u{1F600}\"", "0", "-1",
        "[[[[]]]]", "{\"long key over eight bytes\":\"a value over eight bytes, too\"}",
    ])
    func accepts(_ text: String) throws {
        _ = try JSONValue(text: text)
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\":}", "{\"a\" 1}", "01", "1.", "+1", ".5", "1e", "tru", "nul", "\"a", "\"\\x\"",
        "\"\\u12g4\"",
        "\"a\nb\"", "{a:1}", "[1 2]", "NaN", "'a'",
    ])
    func refuses(_ text: String) {
        #expect(throws: JSONError.self) { _ = try JSONValue(text: text) }
    }

    @Test func refusesBytesThatAreNotUTF8() {
        for bad: [UInt8] in [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82]] {
            let bytes = [0x22] + bad + [0x22]
            #expect(refusal(of: bytes)?.reason == "the text is not UTF-8")
        }
    }

    private func refusal(of bytes: [UInt8]) -> JSONError? {
        do {
            _ = try JSONValue(bytes.span)
            return nil
        } catch {
            return error
        }
    }

    @Test func boundsDepth() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: JSONError.self) { _ = try JSONValue(text: deep) }
    }

    /// How much of a text is one value of any depth; nil if it is none.
    private func deepEnd(_ text: String) -> Int? {
        let bytes = Array(text.utf8)
        var at = 0
        return (try? JSONScanner.deepValue(bytes.span, &at)) == nil ? nil : at
    }

    @Test(arguments: [
        "{}", "[]", " {\"a\" : [1, -0.5e+10, true, false, null, \"x\\u00e9\\n\"] ,\"b\":{ } }", "[[ ] , { } ,[[]]]",
        "0",
        "{\"a\":{\"b\":[{\"c\":1},2]},\"d\":\"]\"}",
    ])
    func valuesOfAnyDepthEndWhereTheyEnd(_ text: String) {
        let deep = String(repeating: "[{\"k\":", count: 50_000) + text + String(repeating: "}]", count: 50_000)
        for whole in [text, deep] {
            #expect(deepEnd(whole) == whole.utf8.count)
            #expect(deepEnd(whole + " ,") == whole.utf8.count)
            #expect(deepEnd(String(whole.dropLast())) == nil)
        }
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\":}", "{\"a\" 1}", "{\"a\":1,}", "{,}", "[,]", "{\"a\":1]", "[1}", "{a:1}", "[1 2]", "]",
        "{1:2}", "[\"a]", "[01]",
    ])
    func whatIsNoJSONIsNoneAtAnyDepth(_ text: String) { #expect(deepEnd(text) == nil) }

    @Test func keepsNumbersAndOrder() throws {
        let text = "{\"b\":1.10,\"a\":12345678901234567890123,\"c\":\"\\ud83d\\ude00\\ud800\"}"
        let value = try JSONValue(text: text)
        #expect(value["b"] == .number("1.10"))
        #expect(value["a"] == .number("12345678901234567890123"))
        #expect(value["c"] == .string("\u{1F600}\u{fffd}"))
        #expect(value.text.hasPrefix("{\"b\":1.10,\"a\":12345678901234567890123"))
    }

    @Test func compactsOutsideStringsOnly() {
        var out: [UInt8] = []
        JSONText.appendCompact(Array("{ \"a b\\\" \" : [1 , 2]\n}".utf8).span, to: &out)
        #expect(String(decoding: out, as: UTF8.self) == "{\"a b\\\" \":[1,2]}")
    }
}

@Suite("Texts are taken eight bytes at a time and are as if taken one by one")
struct JSONWordTests {
    /// Every byte at every place of a string that is longer than two words.
    @Test func stringsEndWhereTheyEnd() {
        for place in 0..<20 {
            for byte in UInt8.min...UInt8.max {
                var text = [UInt8](repeating: 0x61, count: 20)
                text[place] = byte
                let found = scan([0x22] + text + [0x22])
                switch byte {
                case 0x22: #expect(found == place + 2)
                case 0x5c: #expect(found == nil)
                case 0..<0x20, 0x80...: #expect(found == nil)
                default: #expect(found == 22)
                }
            }
        }
    }

    private func scan(_ bytes: [UInt8]) -> Int? {
        var at = 0
        return (try? JSONScanner.string(bytes.span, &at)) == nil ? nil : at
    }

    @Test func compactTextLosesWhiteSpaceBetweenTokensOnly() {
        for length in 0..<20 {
            let filler = String(repeating: " x", count: length)
            let key = "\"\(filler)\\\"\(filler)\\\\\""
            #expect(compact(" { \(key) : [ 1 ,\t\(key)\r\n] } ") == "{\(key):[1,\(key)]}")
        }
        #expect(compact("5") == "5")
        #expect(compact("{}") == "{}")
        #expect(compact("") == "")
    }

    private func compact(_ text: String) -> String {
        var out: [UInt8] = []
        JSONText.appendCompact(Array(text.utf8).span, to: &out)
        return String(decoding: out, as: UTF8.self)
    }
}
