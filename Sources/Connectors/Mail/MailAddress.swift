/// A mail address with the name that people see: `Ann <ann@example.com>`.
public struct MailAddress: Hashable, Sendable {
    public let name: String
    /// The address alone, of plain characters.
    public let address: String

    /// Reads `ann@example.com` or `Ann <ann@example.com>`; nil for whatever a mail server might read in two ways.
    public init?(_ text: some StringProtocol) {
        var rest = Substring(text).trimmed
        var name = Substring()
        if rest.last == ">" {
            guard let open = rest.lastIndex(of: "<") else { return nil }
            name = rest[..<open].trimmed
            rest = rest[rest.index(after: open)...].dropLast()
            if name.count >= 2, name.first == "\"", name.last == "\"" { name = name.dropFirst().dropLast() }
        }
        guard name.utf8.count <= 200, name.unicodeScalars.allSatisfy(MailText.isPrintable), Self.isAddress(rest) else {
            return nil
        }
        self.name = String(name)
        address = String(rest)
    }

    /// Reads several with commas between; nil if one of them is none.
    public static func list(_ text: String) -> [MailAddress]? {
        var found: [MailAddress] = []
        for part in split(text) {
            guard let address = MailAddress(part) else { return nil }
            if !found.contains(where: { $0.address == address.address }) { found.append(address) }
        }
        return found.isEmpty ? nil : found
    }

    /// A comma within quotes parts nothing.
    private static func split(_ text: String) -> [Substring] {
        var parts: [Substring] = []
        var start = text.startIndex
        var isQuoted = false
        for place in text.indices {
            if text[place] == "\"" { isQuoted.toggle() }
            guard text[place] == ",", !isQuoted else { continue }
            parts.append(text[start..<place])
            start = text.index(after: place)
        }
        parts.append(text[start...])
        return parts
    }

    /// What follows the `@`.
    public var domain: Substring { address.split(separator: "@").last ?? "" }

    private static func isAddress(_ text: Substring) -> Bool {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, text.utf8.count <= 254, (1...64).contains(parts[0].utf8.count) else { return false }
        let atoms = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        let labels = parts[1].split(separator: ".", omittingEmptySubsequences: false)
        return atoms.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(isAtom) }
            && labels.allSatisfy { label in
                (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
                    && label.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x2d }
            }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool { byte &- 48 < 10 || byte &- 65 < 26 || byte &- 97 < 26 }

    private static func isAtom(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || "!#$%&'*+-/=?^_`{|}~".utf8.contains(byte)
    }

    /// As it stands in a header.
    var header: String { name.isEmpty ? address : "\(MailText.phrase(name)) <\(address)>" }
}

extension Substring {
    /// Without spaces at its ends.
    fileprivate var trimmed: Substring {
        var rest = drop { $0 == " " || $0 == "\t" }
        while let last = rest.last, last == " " || last == "\t" { rest = rest.dropLast() }
        return rest
    }
}
