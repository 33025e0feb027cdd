internal import Model

/// Texts by which somebody is known, looked for in the server's own records.
struct NamedTexts: Sendable {
    private let texts: Set<String>

    init(_ texts: [String]) {
        self.texts = Set(texts)
    }

    /// Whether a string of a document is one of the texts, whole or as a part that is no part of a word.
    func isNamed(in json: JSONValue) -> Bool {
        switch json {
        case .string(let text): texts.contains { Self.contains(text, $0) }
        case .array(let elements): elements.contains { isNamed(in: $0) }
        case .object(let members): members.contains { isNamed(in: .string($0.key)) || isNamed(in: $0.value) }
        case .number(let text): texts.contains(text)
        case .null, .bool: false
        }
    }

    var isEmpty: Bool { texts.isEmpty }

    /// Whether a text is one of them.
    func isName(_ text: String) -> Bool { texts.contains(text) }

    func isNamed(in text: String) -> Bool { texts.contains { Self.contains(text, $0) } }

    /// The document with `[erased]` in place of the texts.
    func redacted(_ json: JSONValue) -> JSONValue {
        switch json {
        case .string(let text): .string(redacted(text))
        case .array(let elements): .array(elements.map(redacted))
        case .object(let members): .object(members.map { .init(redacted($0.key), redacted($0.value)) })
        case .number(let text): texts.contains(text) ? .string("[erased]") : json
        case .null, .bool: json
        }
    }

    func redacted(_ text: String) -> String {
        texts.reduce(text) { text, name in
            guard Self.contains(text, name) else { return text }
            return text == name ? "[erased]" : Self.split(text, name).joined(separator: "[erased]")
        }
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
