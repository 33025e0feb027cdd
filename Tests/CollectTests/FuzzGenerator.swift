import Model

@testable import Collect

/// Makes inputs for parsers: valid ones, and valid ones that were damaged. All follow from the seed.
struct FuzzGenerator {
    private var random: Xoshiro

    init(seed: UInt64) { random = Xoshiro(seed: seed) }

    mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(max(1, bound))) }

    mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }

    /// Whether something of one chance in `n` happens.
    mutating func once(in n: Int) -> Bool { below(n) == 0 }

    /// Does to a valid input what networks, clients and attackers do.
    mutating func damage(_ input: [UInt8], _ dictionary: [String]) -> [UInt8] {
        var bytes = input
        guard !once(in: 4) else { return bytes }
        for _ in 0...below(4) {
            let at = below(bytes.count + 1)
            switch below(8) {
            case 0: if at < bytes.count { bytes[at] ^= UInt8(1 << below(8)) }
            case 1: if at < bytes.count { bytes[at] = UInt8(below(256)) }
            case 2: bytes.removeSubrange(at...)
            case 3: bytes.removeSubrange(min(at, bytes.count)..<min(bytes.count, at + below(20)))
            case 4: bytes.insert(contentsOf: Array(pick(dictionary).utf8), at: at)
            case 5:
                let from = below(bytes.count + 1)
                bytes.insert(contentsOf: Array(bytes[from..<min(bytes.count, from + below(60))]), at: at)
            case 6: bytes.insert(contentsOf: (0..<below(6)).map { _ in UInt8(below(256)) }, at: at)
            default:
                bytes.insert(
                    contentsOf: [UInt8](repeating: pick([0x5b, 0x7b, 0x22, 0x30, 0xff]), count: below(90)), at: at)
            }
        }
        return bytes
    }

    /// A text that is often near a rule's edge.
    mutating func text() -> String {
        switch below(12) {
        case 0: ""
        case 1: pick(["null", "undefined", "0", "[object Object]", " ", "\u{0}", "\u{200b}", "anonymous"])
        case 2: String(repeating: pick(["x", "é", "😀"]), count: pick([254, 255, 256]))
        case 3: pick(["a,b:c", "a\"b", "a\\b", "a\nb", "a\tb", "é", "日本", "😀", "\u{7f}"])
        case 4: pick(["1", "-0.50", "1e5", "007", "1795540315337", "2024-01-01", "99999999999999999999999999"])
        default: pick(["a", "b", "bob@bob.com", "Signed Up", "plan", "x1"])
        }
    }

    mutating func json(_ depth: Int = 0) -> String {
        switch below(depth > 3 ? 6 : 9) {
        case 0: return "null"
        case 1: return pick(["true", "false"])
        case 2: return pick(["0", "-1", "1.50", "1e400", "123456789012345678901234567890", "-0.0", "5"])
        case 3, 4, 5: return quoted(text())
        case 6: return "[" + (0..<below(4)).map { _ in json(depth + 1) }.joined(separator: pick([",", " , "])) + "]"
        default: return object(depth + 1)
        }
    }

    mutating func object(_ depth: Int = 0) -> String {
        let members = (0..<below(5)).map { _ in quoted(text()) + pick([":", " : "]) + json(depth) }
        return "{" + members.joined(separator: pick([",", ",\n "])) + "}"
    }

    mutating func quoted(_ text: String) -> String {
        if once(in: 12) { return pick([#""\ud800""#, #""\u00e9\ud83d\ude00""#, #""\u0000""#, "\"\\/\""]) }
        var out: [UInt8] = []
        JSONText.appendString(text, to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    /// An object of the given keys, each there now and then with a value of its own kind or any other.
    mutating func members(_ keys: [(String, [String])]) -> String {
        var members: [String] = []
        for (key, values) in keys where !once(in: 5) {
            let value = once(in: 8) ? json() : values.isEmpty ? quoted(text()) : pick(values)
            members.append(quoted(key) + ":" + value)
        }
        if once(in: 10) { members.append(quoted(text()) + ":" + json()) }
        return "{" + members.joined(separator: ",") + "}"
    }
}
