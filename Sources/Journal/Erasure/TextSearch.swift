/// Looks for any of many texts in bytes: as they are, which is how the journal stores fields, and as raw inputs may write
/// them, with JSON's escapes or percent signs.
struct TextSearch: Sendable {
    private let texts: [[UInt8]]
    /// The length of a text's beginning that is looked for first.
    private let headBytes: Int
    private let mask: UInt32
    /// Texts by the hash of their heads, and a bit for each hash that has any.
    private var byHead: [UInt16: [Int]] = [:]
    private var heads = [UInt64](repeating: 0, count: 1_024)

    /// Empty texts are left out.
    init(_ texts: [[UInt8]]) {
        self.texts = texts.filter { !$0.isEmpty }
        headBytes = min(4, self.texts.map(\.count).min() ?? 4)
        mask = headBytes == 4 ? .max : (1 << UInt32(headBytes * 8)) - 1
        for (i, text) in self.texts.enumerated() {
            let hash = Self.hash(text.prefix(headBytes).reduce(0) { $0 << 8 | UInt32($1) })
            byHead[hash, default: []].append(i)
            heads[Int(hash >> 6)] |= 1 << UInt64(hash & 63)
        }
    }

    func isIn(_ bytes: Span<UInt8>) -> Bool {
        guard !texts.isEmpty else { return false }
        if isIn(plain: bytes) { return true }
        var marks: Set<UInt8> = []
        let (backslash, percent, plus) = (UInt8(ascii: "\\"), UInt8(ascii: "%"), UInt8(ascii: "+"))
        for i in 0..<bytes.count where bytes[i] == backslash || bytes[i] == percent || bytes[i] == plus {
            marks.insert(bytes[i])
        }
        if marks.contains(backslash), isIn(plain: Unescaped.json(bytes).span) { return true }
        return !marks.isDisjoint(with: [percent, plus]) && isIn(plain: Unescaped.percent(bytes).span)
    }

    private func isIn(plain bytes: Span<UInt8>) -> Bool {
        var word: UInt32 = 0
        for i in 0..<bytes.count {
            word = (word << 8 | UInt32(bytes[i])) & mask
            guard i &+ 1 >= headBytes else { continue }
            let hash = Self.hash(word)
            if heads[Int(hash &>> 6)] & (1 &<< UInt64(hash & 63)) == 0 { continue }
            let start = i + 1 - headBytes
            if let near = byHead[hash], near.contains(where: { stands(texts[$0], bytes, at: start) }) { return true }
        }
        return false
    }

    private func stands(_ text: [UInt8], _ bytes: Span<UInt8>, at start: Int) -> Bool {
        guard text.count <= bytes.count - start else { return false }
        return text.indices.allSatisfy { text[$0] == bytes[start + $0] }
    }

    private static func hash(_ head: UInt32) -> UInt16 { UInt16(truncatingIfNeeded: (head &* 0x9e37_79b1) &>> 16) }
}
