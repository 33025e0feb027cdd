#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// Text as mail has it: lines of plain characters, everything else encoded (RFC 2047, RFC 2045).
enum MailText {
    /// Whether a header may have it in an encoded word: what ends lines, or is no character, may not.
    static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value >= 0x20 && scalar.value != 0x7f && !(0x80...0x9f).contains(scalar.value)
            && scalar.value != 0x2028 && scalar.value != 0x2029
    }

    /// One line of a text: what would end it is a space.
    static func line(_ text: String, most: Int = 400) -> String {
        var out = ""
        for character in text.prefix(most) {
            out.append(character.unicodeScalars.allSatisfy(isPrintable) ? character : " ")
        }
        return out
    }

    private static func isPlain(_ text: String) -> Bool {
        text.utf8.count <= 60 && text.utf8.allSatisfy { (0x20...0x7e).contains($0) } && !text.hasPrefix(" ")
            && !text.hasSuffix(" ") && !text.contains("=?")
    }

    /// Text for a header that may have any: as it is, or in encoded words.
    static func unstructured(_ text: String) -> String { isPlain(text) ? text : words(text) }

    /// A name before an address.
    static func phrase(_ text: String) -> String {
        guard isPlain(text) else { return words(text) }
        var out = "\""
        for character in text {
            if character == "\"" || character == "\\" { out += "\\" }
            out.append(character)
        }
        return out + "\""
    }

    /// Words of at most 75 characters, a line each; no character is parted.
    private static func words(_ text: String) -> String {
        var words: [String] = []
        var piece: [UInt8] = []
        func end() {
            guard !piece.isEmpty else { return }
            words.append("=?utf-8?B?\(Data(piece).base64EncodedString())?=")
            piece = []
        }
        for scalar in text.unicodeScalars where isPrintable(scalar) {
            let bytes = Array(String(scalar).utf8)
            if piece.count + bytes.count > 42 { end() }
            piece += bytes
        }
        end()
        return words.joined(separator: "\r\n ")
    }

    /// The bytes of a file in base 64, in lines of 76.
    static func body(_ bytes: [UInt8]) -> [UInt8] {
        Array(
            Data(bytes).base64EncodedData(
                options: [.lineLength76Characters, .endLineWithCarriageReturn, .endLineWithLineFeed]))
    }

    /// A body in base 64, in lines of 76.
    static func body(_ text: String) -> String {
        var out = ""
        var rest = Substring(Data(text.utf8).base64EncodedString())
        while !rest.isEmpty {
            out += rest.prefix(76)
            out += "\r\n"
            rest = rest.dropFirst(76)
        }
        return out
    }
}
