/// Texts by which somebody is known, looked for in the server's own records.
struct NamedTexts: Sendable {
    static let replacement = "[erased]"

    private let texts: Set<String>
    /// Those that are taken for somebody's wherever they stand.
    private let telling: [String]

    init(_ texts: [String]) {
        self.texts = Set(texts)
        telling = self.texts.filter(Self.isTelling).sorted { ($0.utf8.count, $1) > ($1.utf8.count, $0) }
    }

    var isEmpty: Bool { texts.isEmpty }

    /// Whether a text is one of them.
    func isName(_ text: String) -> Bool { texts.contains(text) }

    /// Whether one of them is in a text, as a whole or as a part that is no part of a word.
    func isNamed(in text: String) -> Bool { texts.contains { Self.contains(text, $0) } }

    /// The text with `[erased]` in place of those that are in it and cannot well be anything else. A short word or number may
    /// be a column, a folder or a day: it is left where it is.
    func redacted(_ text: String) -> String {
        telling.reduce(text) { text, name in
            Self.contains(text, name) ? Self.split(text, name).joined(separator: Self.replacement) : text
        }
    }

    /// Whether a text is hardly used for anything but somebody: an address, letters with digits, a long number, a long text.
    static func isTelling(_ text: String) -> Bool {
        let bytes = text.utf8
        if bytes.count >= 16 { return true }
        let digits = bytes.count { 0x30...0x39 ~= $0 }
        let letters = bytes.count(where: isWord) - digits
        if letters == 0 { return digits >= 9 }
        return bytes.count >= 6 && (digits > 0 || bytes.contains(0x40))
    }

    private static func contains(_ text: String, _ name: String) -> Bool { split(text, name).count > 1 }

    /// The pieces of a text between the places where a name stands that is no part of a longer word.
    private static func split(_ text: String, _ name: String) -> [String] {
        let (text, name) = (Array(text.utf8), Array(name.utf8))
        guard !name.isEmpty, text.count >= name.count else { return [String(decoding: text, as: UTF8.self)] }
        var pieces: [String] = []
        var (start, at) = (0, 0)
        while at + name.count <= text.count {
            let end = at + name.count
            let stands =
                text[at] == name[0] && text[at..<end].elementsEqual(name)
                && !(at > 0 && isWord(text[at - 1])) && !(end < text.count && isWord(text[end]))
            if stands {
                pieces.append(String(decoding: text[start..<at], as: UTF8.self))
                (start, at) = (end, end)
            } else {
                at += 1
            }
        }
        pieces.append(String(decoding: text[start...], as: UTF8.self))
        return pieces
    }

    /// Letters, digits and what is not ASCII.
    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x80...: true
        default: false
        }
    }
}
