import EventStore
import Exports
import Glibc
import Model
import Testing

/// A seeded generator of conditions, whole and damaged, against the compiler of queries and, of a part, the engine.
///
/// `SLUICE_FUZZ_INPUTS` sets the number (20,000), `SLUICE_FUZZ_SEED` the seed (1). A failure names the input.
@Suite("No condition breaks a query, and every refusal names its node")
struct ConditionFuzzTests {
    private static func setting(_ name: String, _ otherwise: Int) -> Int {
        // The environment is not written while tests run; the text is copied at once.
        guard let value = unsafe getenv(name) else { return otherwise }
        return unsafe Int(String(cString: value)) ?? otherwise
    }

    @Test func conditions() async throws {
        let (count, seed) = (Self.setting("SLUICE_FUZZ_INPUTS", 20_000), Self.setting("SLUICE_FUZZ_SEED", 1))
        try await LiveStore.with { store in
            try await store.write([
                item(.event, "ann", name: "Signed Up", #"{"plan":"pro","n":1.50,"":"x","a\"b":null}"#, at: 1, id: "1"),
                item(.event, "bob", name: "a", #"{"plan":"free","n":"12","deep":{"x":[1]}}"#, at: 2, id: "2"),
            ])
            var (accepted, refused, run) = (0, 0, 0)
            for number in 0..<count {
                // The threads of Swift's pool are few, and the other tests need them, too.
                if number % 16 == 0 { await Task.yield() }
                var generator = ConditionGenerator(seed: UInt64(seed) << 32 &+ UInt64(number))
                let text = generator.input()
                guard let json = try? JSONValue(text: text) else { continue }
                var spec = ExportSpec(generator.pick(Dataset.allCases.filter { $0 != .report }))
                spec.condition = json
                spec.seqTo = 2
                do {
                    let resolved = try await store.resolve(spec)
                    accepted += 1
                    guard accepted % 40 == 0 else { continue }
                    run += 1
                    try await store.export(resolved, to: "out.csv")
                } catch let error as ExportError {
                    refused += 1
                    guard error.code == .invalidSpec, error.message.hasPrefix("where") else {
                        Issue.record("\(error.message): seed \(seed), input \(number): \(text.debugDescription)")
                        return
                    }
                }
            }
            #expect(accepted > count / 20 && refused > count / 20 && run > 0)
        }
    }
}

/// Makes conditions of every kind from a seed, and damages most of them.
private struct ConditionGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// SplitMix64 (Steele, Lea and Flood, 2014).
    private mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    private mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }

    mutating func input() -> String {
        let whole = condition(0)
        guard below(3) > 0 else { return whole }
        var bytes = Array(whole.utf8)
        for _ in 0...below(3) {
            let at = below(bytes.count + 1)
            switch below(5) {
            case 0: if at < bytes.count { bytes[at] = UInt8(below(256)) }
            case 1: bytes.removeSubrange(min(at, bytes.count)..<min(bytes.count, at + below(9)))
            case 2: bytes.insert(contentsOf: Array(scalar().utf8), at: at)
            case 3:
                bytes.insert(contentsOf: Array(pick(["[", "{", "}", "\"", ":", ",", "null", "\\u0000"]).utf8), at: at)
            default: bytes.insert(contentsOf: [UInt8](repeating: pick([0x5b, 0x30, 0x22]), count: below(60)), at: at)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private mutating func condition(_ depth: Int) -> String {
        switch below(depth > 4 ? 5 : 10) {
        case 0: return #"{"event":\#(below(4) == 0 ? list() : text())}"#
        case 1...4:
            let kind = pick(["property", "property", "person"])
            return #"{"\#(kind)":\#(text()),"\#(operation())":\#(operand())}"#
        case 5, 6:
            let parts = (0...below(3)).map { _ in condition(depth + 1) }.joined(separator: ",")
            return #"{"\#(pick(["all", "any"]))":[\#(parts)]}"#
        case 7: return #"{"not":\#(condition(depth + 1))}"#
        case 8: return did(depth)
        default: return pick([scalar(), list(), "{}", #"{"all":[]}"#])
        }
    }

    private mutating func did(_ depth: Int) -> String {
        var members = [#""did":\#(below(4) == 0 ? list() : text())"#]
        for key in ["at_least", "at_most", "exactly"] where below(4) == 0 {
            members.append(#""\#(key)":\#(pick(["0", "1", "2", "2", "1000000000000", scalar()]))"#)
        }
        switch below(4) {
        case 0: members.append(#""within":"\#(pick(["30d", "0s", "9w", "1h"]))""#)
        case 1:
            let (from, to) = (
                pick([#""2024-01-02""#, #""-7d""#, scalar()]), pick(["1704153600", #""now""#, scalar()])
            )
            members.append(#""within":\#(pick([scalar(), #"{"from":\#(from)}"#, #"{"from":\#(from),"to":\#(to)}"#]))"#)
        default: break
        }
        if below(4) == 0 { members.append(#""first_ever":\#(pick(["true", "true", "false", scalar()]))"#) }
        if below(3) == 0 { members.append(#""where":\#(condition(depth + 1))"#) }
        return "{" + members.joined(separator: ",") + "}"
    }

    private mutating func operation() -> String {
        pick([
            "is", "is_not", "gt", "gte", "lt", "lte", "contains", "starts_with", "exists", "in", "like", "IS", "",
        ])
    }

    private mutating func operand() -> String { below(4) == 0 ? list() : scalar() }

    private mutating func list() -> String { "[" + (0..<below(4)).map { _ in scalar() }.joined(separator: ",") + "]" }

    private mutating func scalar() -> String {
        switch below(4) {
        case 0: pick(["0", "-1.50", "1e308", "1e999", "123456789012345678901234567890", "-0", "9007199254740993"])
        case 1: pick(["true", "false", "null", "{}", "[]"])
        default: text()
        }
    }

    private mutating func text() -> String {
        pick([
            #""Signed Up""#, #""plan""#, #""n""#, #""pro""#, #""""#, #""a'b""#, #""a\"b""#, #""%_\\""#, #""\u0000""#,
            #""$1""#,
            #""2024-01-02""#, #""2024-01-02T03:04:05Z""#, #""1.5""#, #""💥é""#, #""'; DROP TABLE events; --""#,
            "\"" + String(repeating: "x", count: 300) + "\"",
        ])
    }
}
