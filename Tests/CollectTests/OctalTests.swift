import Model
import Testing

@testable import Collect

@Suite("Octal escapes become UTF-8")
struct OctalTests {
    private func mended(_ line: [UInt8]) -> String {
        var out: [UInt8] = []
        return text(OctalEscapes.mend(line.span, into: &out) ? out : line)
    }

    private func mended(_ line: String) -> String { mended(Array(line.utf8)) }

    @Test(arguments: [
        // The one that everybody meets.
        (#"{"price":"\302\2435"}"#, #"{"price":"£5"}"#),
        (#"{"a":"caf\303\251 \342\230\203 \360\237\230\200"}"#, #"{"a":"café ☃ 😀"}"#),
        // In keys, too, and beside escapes that are JSON's.
        (#"{"na\303\257ve":"\"\302\243\"\n\u00e9\\\/"}"#, #"{"naïve":"\"£\"\n\u00e9\\\/"}"#),
        // A backslash that is escaped begins no escape.
        (#"{"a":"\\302\\243"}"#, #"{"a":"\\302\\243"}"#),
        (#"{"a":"\\\302\243"}"#, #"{"a":"\\£"}"#),
        // Half of a character from an escape, half as it is.
        ("{\"a\":\"\u{e9}\\303\\251\"}", #"{"a":"éé"}"#),
        // Broken sequences: one mark for each part that is none.
        (#"{"a":"\302"}"#, "{\"a\":\"\u{fffd}\"}"),
        (#"{"a":"\302x\243"}"#, "{\"a\":\"\u{fffd}x\u{fffd}\"}"),
        (#"{"a":"\355\240\200"}"#, "{\"a\":\"\u{fffd}\u{fffd}\u{fffd}\"}"),
        (#"{"a":"\377\376"}"#, "{\"a\":\"\u{fffd}\u{fffd}\"}"),
        (#"{"a":"\360\237\230"}"#, "{\"a\":\"\u{fffd}\"}"),
        // Bytes of ASCII that JSON wants escaped.
        (#"{"a":"\042\134\012\033\000"}"#, #"{"a":"\"\\\n\u001b\u0000"}"#),
        (#"{"a":"\101\177"}"#, "{\"a\":\"A\u{7f}\"}"),
        ("{\"a\":\"one\ttwo\"}", #"{"a":"one\ttwo"}"#),
        // No octal escapes: they stay, and the line is refused.
        (#"{"a":"\400\38\3"}"#, #"{"a":"\400\38\3"}"#),
        (#"{"a":"\82"}"#, #"{"a":"\82"}"#),
        // Outside of strings nothing is touched.
        (#"{"a":\302\243}"#, #"{"a":\302\243}"#),
        (#"{"a":"x\"#, #"{"a":"x\"#), ("\"", "\""), ("", ""),
    ])
    func table(_ line: String, _ wanted: String) {
        let found = mended(line)
        #expect(found.utf8.elementsEqual(wanted.utf8), "\(found) instead of \(wanted)")
    }

    @Test func bytesThatAreNotUTF8() {
        // Latin-1 as it is, and a character whose halves came in two ways.
        #expect(mended(Array("{\"a\":\"".utf8) + [0xa3] + Array("\"}".utf8)) == "{\"a\":\"\u{fffd}\"}")
        #expect(mended(Array("{\"a\":\"".utf8) + [0xc2] + Array("\\243\"}".utf8)) == "{\"a\":\"£\"}")
        #expect(mended(Array("{\"a\":\"\\302".utf8) + [0xa3] + Array("\"}".utf8)) == "{\"a\":\"£\"}")
        // Outside of strings it is no JSON, and stays so.
        var out: [UInt8] = []
        #expect(!OctalEscapes.mend([0x7b, 0xa3, 0x7d].span, into: &out) && out.isEmpty)
    }

    @Test func aLineThatIsRightIsNotCopied() {
        var out: [UInt8] = []
        let line = Array(#"{"_p":"a","é":"ok \u00e9 \n"}"#.utf8)
        #expect(!OctalEscapes.mend(line.span, into: &out) && out.isEmpty)
    }

    /// Whatever bytes a text has, written as KISSmetrics writes them it reads as a lenient reader of UTF-8 has it.
    @Test func anyTextComesBack() {
        for seed in 0..<5_000 {
            var g = FuzzGenerator(seed: UInt64(seed))
            let bytes = (0..<g.below(12)).map { _ in
                g.once(in: 3) ? UInt8(g.below(256)) : g.pick(Array("é☃😀x\"\\".utf8))
            }
            var line = Array("{\"a\":\"".utf8)
            for byte in bytes {
                if byte >= 0x80, g.once(in: 4) {
                    line.append(byte)
                } else if byte >= 0x80 || byte < 0x20 || byte == 0x22 || byte == 0x5c {
                    let digits = String(byte, radix: 8)
                    line += Array(("\\" + String(repeating: "0", count: 3 - digits.count) + digits).utf8)
                } else {
                    line.append(byte)
                }
            }
            line += Array("\"}".utf8)
            let value = try? JSONValue(Array(mended(line).utf8).span)
            let wanted = String(decoding: bytes, as: UTF8.self)
            guard let found = value?["a"]?.stringValue, found.utf8.elementsEqual(wanted.utf8) else {
                Issue.record("seed \(seed): \(text(line)) became \(mended(line)), not \(wanted.debugDescription)")
                return
            }
        }
    }
}
