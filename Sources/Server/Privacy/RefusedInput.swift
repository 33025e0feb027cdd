internal import Model

/// Whether an input that was refused names somebody: raw text of any protocol, as much of it as was kept.
struct RefusedInput: Sendable {
    private let names: [[UInt8]]

    init(naming names: [String]) { self.names = names.map { Array($0.utf8) }.filter { !$0.isEmpty } }

    /// Looks at the text as it is, with percent-escapes undone as in a query, and with JSON's escapes undone.
    func isNamed(in raw: String) -> Bool {
        guard !names.isEmpty else { return false }
        let bytes = Array(raw.utf8)
        if stands(in: bytes) { return true }
        if raw.utf8.contains(where: { $0 == 0x25 || $0 == 0x2b }) {
            if stands(in: Array(QueryParameters.decode(bytes, plusIsSpace: true).utf8)) { return true }
        }
        return raw.utf8.contains(0x5c) && stands(in: Self.unescaped(bytes))
    }

    /// A name counts where it is a whole value: between quotes, or what parts the values of a query, a line or a document.
    /// What was cut at the end of the raw text counts, too.
    private func stands(in text: [UInt8]) -> Bool {
        names.contains { name in
            var at = 0
            while let start = Self.find(name, in: text, from: at) {
                let end = start + name.count
                let isBegin = start == 0 || Self.parts(text[start - 1])
                let isEnd = end == text.count || text[end] != 0x3a && Self.parts(text[end])
                if isBegin, isEnd { return true }
                at = start + 1
            }
            return false
        }
    }

    private static func find(_ name: [UInt8], in text: [UInt8], from: Int) -> Int? {
        guard text.count >= name.count else { return nil }
        var at = from
        while at + name.count <= text.count {
            if text[at] == name[0], text[at..<at + name.count].elementsEqual(name) { return at }
            at += 1
        }
        return nil
    }

    /// What stands between values: whitespace, quotes, brackets, and the marks of CSV, queries and JSON.
    private static func parts(_ byte: UInt8) -> Bool {
        switch byte {
        case 0...0x20, 0x22, 0x27, 0x26, 0x3d, 0x2c, 0x3b, 0x3a, 0x7b, 0x7d, 0x5b, 0x5d, 0x28, 0x29, 0x7c, 0x3f: true
        default: false
        }
    }

    /// JSON's escapes undone wherever they stand, whatever is around them.
    private static func unescaped(_ text: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var at = 0
        var high: UInt32?
        while at < text.count {
            guard text[at] == 0x5c, at + 1 < text.count else {
                out.append(text[at])
                at += 1
                continue
            }
            let next = text[at + 1]
            at += 2
            switch next {
            case 0x6e, 0x72, 0x74, 0x62, 0x66: out.append(0x20)
            case 0x75:
                guard at + 4 <= text.count,
                    let unit = UInt32(String(decoding: text[at..<at + 4], as: UTF8.self), radix: 16)
                else { continue }
                at += 4
                if (0xd800...0xdbff).contains(unit) {
                    high = unit
                    continue
                }
                var value = unit
                if let first = high, (0xdc00...0xdfff).contains(unit) {
                    value = 0x10000 + ((first - 0xd800) << 10) + (unit - 0xdc00)
                }
                high = nil
                if let scalar = Unicode.Scalar(value) { out.append(contentsOf: Array(String(scalar).utf8)) }
            default: out.append(next)
            }
        }
        return out
    }
}
