import Glibc
import Journal
import Model
import Testing

@testable import Collect

/// A seeded generator against everything that reads bytes of strangers.
///
/// `SLUICE_FUZZ_INPUTS` sets the number of inputs a parser (20,000; 1,000 without optimisation, which makes them about
/// twenty times as dear), `SLUICE_FUZZ_SEED` the seed (1). A failure names the seed and the input's number.
@Suite("No input breaks a parser, and every refusal has a reason")
struct FuzzTests {
    private static func setting(_ name: String, _ otherwise: Int) -> Int {
        // The environment is not written while tests run; the text is copied at once.
        guard let value = unsafe getenv(name) else { return otherwise }
        return unsafe Int(String(cString: value)) ?? otherwise
    }

    #if DEBUG
        private let count = setting("SLUICE_FUZZ_INPUTS", 1_000)
    #else
        private let count = setting("SLUICE_FUZZ_INPUTS", 20_000)
    #endif
    private let seed = setting("SLUICE_FUZZ_SEED", 1)
    let ids = IDGenerator(seed: 9)

    private let dictionary = [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u12", "\\ud800", "null", "true", "1e", "-", "0123", "\n", "\r\n",
        "\"identity\":", "\"properties\":", "\"type\":\"set\"", "&", "=", "%", "%f", "%ff", "+", "_t=", "_d=1&", "\"\"",
        "\u{feff}", "\u{0}", "{\"a\":", "[[[[[[[[",
    ]

    /// Runs `check` on every input; the first that fails is reported with what makes it again.
    func run(
        _ salt: UInt64, make: (inout FuzzGenerator) -> [UInt8], check: ([UInt8]) -> String?
    ) async {
        for number in 0..<count {
            // The threads of Swift's pool are few, and the other tests need them, too.
            if number % 16 == 0 { await Task.yield() }
            var generator = FuzzGenerator(seed: UInt64(seed) &* 1_000_003 &+ salt << 40 &+ UInt64(number))
            let input = generator.damage(make(&generator), dictionary)
            if let wrong = check(input) {
                Issue.record("\(wrong): seed \(seed), input \(number): \(text(input).debugDescription)")
                return
            }
        }
    }

    /// What is wrong with a parsed request; nil if nothing is.
    private func fault(_ parsed: ParsedRequest, inputs: Int?) -> String? {
        guard let found = decoded(parsed.submission) else { return "the items do not decode" }
        if let inputs, parsed.outcomes.count != inputs {
            return "\(parsed.outcomes.count) outcomes of \(inputs) inputs"
        }
        guard parsed.rejectCount == found.count(where: { $0.kind == .reject }) else { return "rejects are miscounted" }
        for outcome in parsed.outcomes {
            guard found.indices.contains(outcome.item) else { return "an outcome without an item" }
            let isReject = found[outcome.item].kind == .reject
            if isReject != (outcome.rejection != nil) { return "outcome and item differ" }
        }
        return fault(found) ?? parts(parsed.submission).map { fault($0) } ?? "the parts do not decode"
    }

    func fault(_ items: [Item]) -> String? {
        for item in items {
            if let wrong = itemFault(item) { return wrong }
        }
        return nil
    }

    private func itemFault(_ item: Item) -> String? {
        for field in [item.id, item.identity, item.name, item.other, item.properties] where !isUTF8(field) {
            return "a field is not UTF-8"
        }
        if item.kind == .reject {
            return item.name.isEmpty ? "a reject has no reason" : item.properties.count > 8_192 ? "a long reject" : nil
        }
        if textFault(item.identity) { return "an identity that no rule allows" }
        if item.kind == .event, textFault(item.name) || item.id.isEmpty { return "an event without a name or an id" }
        if item.kind == .alias { return textFault(item.other) || item.identity == item.other ? "a wrong alias" : nil }
        guard isCompactObject(item.properties) else { return "properties are no compact object" }
        return item.timestamp.isInRange ? nil : "a time out of range"
    }

    private func isUTF8(_ bytes: [UInt8]) -> Bool { JSONScanner.isUTF8(bytes.span) }

    private func textFault(_ bytes: [UInt8]) -> Bool { CollectRules.fault(bytes.span) != nil }

    private func isCompactObject(_ bytes: [UInt8]) -> Bool {
        let span = bytes.span
        var at = 0
        guard span.count > 1, span[0] == 0x7b, (try? JSONScanner.value(span, &at)) != nil, at == span.count else {
            return false
        }
        var compact: [UInt8] = []
        JSONText.appendCompact(span, to: &compact)
        return compact == bytes
    }

    static func nativeItem(_ g: inout FuzzGenerator) -> String {
        g.members([
            ("id", []), ("type", ["\"track\"", "\"set\"", "\"alias\"", "null"]), ("identity", []), ("event", []),
            ("timestamp", ["5", "\"2024-01-02T03:04:05Z\"", "1795540315.337759", "null", "1795540315337"]),
            ("properties", [g.object(), "{}", "null"]), ("other", []),
        ])
    }

    @Test func nativeJSON() async {
        await run(1) { g in
            let events = (0..<g.below(4)).map { _ in Self.nativeItem(&g) }.joined(separator: ",")
            return Array(
                g.pick(["{\"events\":[\(events)]}", "[\(events)]", " {\"x\":1,\"events\": [ \(events) ] } "]).utf8)
        } check: { input in
            do throws(CollectError) {
                return fault(try NativeRequest.parse(json: input, receivedAt: receivedAt, ids: ids), inputs: nil)
            } catch {
                return error.message.isEmpty ? "a refusal has no reason" : nil
            }
        }
    }

    @Test func nativeNDJSON() async {
        await run(2) { g in
            Array((0..<g.below(5)).map { _ in g.once(in: 6) ? "" : Self.nativeItem(&g) }.joined(separator: "\n").utf8)
        } check: { input in
            let mark = input.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0
            let inputs = input[mark...].split(separator: 0x0a).count {
                !$0.allSatisfy { [0x20, 0x09, 0x0d].contains($0) }
            }
            do throws(CollectError) {
                return fault(try NativeRequest.parse(ndjson: input, receivedAt: receivedAt, ids: ids), inputs: inputs)
            } catch {
                return "NDJSON was refused whole: \(error.message)"
            }
        }
    }

    @Test func kissmetrics() async {
        await run(3) { g in
            var pairs: [String] = []
            for key in ["_k", "_p", "_n", "_t", "_d", "plan", "Naïve:,x", ""] where !g.once(in: 4) {
                let value =
                    key == "_d"
                    ? g.pick(["1", "0", ""]) : key == "_t" ? g.pick(["5", "1.5", "x", "1795540315337"]) : g.text()
                pairs.append(Self.escaped(key) + "=" + Self.escaped(value))
            }
            if g.once(in: 50) { pairs += (0..<300).map { "p\($0)=1" } }
            return Array(pairs.joined(separator: "&").utf8)
        } check: { input in
            for path in ["/e", "/s", "/a"] {
                let parsed = KissmetricsRequest.parse(path: path, query: input, receivedAt: receivedAt, ids: ids)
                if let wrong = fault(parsed, inputs: 1) { return "\(path): \(wrong)" }
            }
            _ = KissmetricsRequest.key(in: input)
            return nil
        }
    }

    private static func escaped(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x5f: String(UnicodeScalar(byte))
            case 0x20: "+"
            default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }

    static func message(_ g: inout FuzzGenerator) -> String {
        g.members([
            ("type", ["track", "identify", "alias", "page", "screen", "group"].map { "\"\($0)\"" }), ("userId", []),
            ("anonymousId", []), ("previousId", []), ("groupId", []), ("event", []), ("name", []), ("category", []),
            ("messageId", []), ("timestamp", ["5", "\"2024-01-02T03:04:05+02:00\"", "null"]),
            ("properties", [g.object()]), ("traits", [g.object()]), ("context", ["{\"traits\":\(g.object())}"]),
        ])
    }

    @Test func segment() async {
        await run(4) { g in
            let messages = (0..<g.below(4)).map { _ in Self.message(&g) }.joined(separator: ",")
            return Array((g.once(in: 3) ? Self.message(&g) : "{\"batch\":[\(messages)],\"writeKey\":\"k\"}").utf8)
        } check: { input in
            _ = SegmentRequest.writeKey(in: input)
            for path in ["/v1/batch", "/v1/track", "/v1/identify", "/v1/group"] {
                do throws(CollectError) {
                    let parsed = try SegmentRequest.parse(path: path, body: input, receivedAt: receivedAt, ids: ids)
                    if let wrong = fault(parsed, inputs: path == "/v1/batch" ? nil : 1) { return "\(path): \(wrong)" }
                } catch {
                    if error.message.isEmpty { return "a refusal has no reason" }
                }
            }
            return nil
        }
    }
}
