/// Where values begin and end in a raw text: at quotes, `=`, `&`, `,`, `;`, `:`, `?`, `|`, white space and brackets.
public enum RawTokens {
    /// Whether a value can begin after the byte.
    static func canPrecede(_ byte: UInt8) -> Bool { isHard(byte) || isSoft(byte) || byte == 0x3a }

    /// Whether a value can end before the byte. A colon after a text belongs to it: `12` does not stand in `12:30`.
    static func canFollow(_ byte: UInt8) -> Bool { isHard(byte) || isSoft(byte) || byte == 0x5c }

    /// What parts values where it does not belong to them: a space, `?`, `|`.
    private static func isSoft(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x3f || byte == 0x7c }

    /// What parts values even where they hold spaces and colons.
    private static func isHard(_ byte: UInt8) -> Bool {
        switch byte {
        case 0..<0x20, 0x7f: true
        case 0x22, 0x27, 0x60: true  // quotes
        case 0x26, 0x2c, 0x3b, 0x3d: true  // & , ; =
        case 0x28, 0x29, 0x3c, 0x3e, 0x5b, 0x5d, 0x7b, 0x7d: true  // ( ) < > [ ] { }
        default: false
        }
    }

    /// Walks what can be values, each in its longest form (parted by quotes and the like, spaces around it left out) and in
    /// its shortest (parted by spaces and colons, too), until `body` says true; whether it did. The work is in proportion
    /// to the text, whoever wrote it.
    public static func contains(_ text: Span<UInt8>, where body: (Span<UInt8>) -> Bool) -> Bool {
        contains(text, isEnd: isHard, body) || contains(text, isEnd: canPrecede, body)
    }

    private static func contains(
        _ text: Span<UInt8>, isEnd: (UInt8) -> Bool, _ body: (Span<UInt8>) -> Bool
    ) -> Bool {
        var start = 0
        for at in 0...text.count where at == text.count || isEnd(text[at]) {
            var token = start..<at
            start = at + 1
            while let first = token.first, text[first] == 0x20 { token.removeFirst() }
            while let last = token.last, text[last] == 0x20 { token.removeLast() }
            if !token.isEmpty, body(text.extracting(token)) { return true }
        }
        return false
    }
}
