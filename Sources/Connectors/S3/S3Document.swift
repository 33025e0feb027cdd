/// The few elements of S3's answers that are looked at: what stands between a name's marks, without regard to how they lie in each other.
struct S3Document: Sendable {
    private let text: Substring

    init(_ bytes: [UInt8]) { text = Substring(decoding: bytes, as: UTF8.self) }

    private init(_ text: Substring) { self.text = text }

    /// The text of the first element of a name; nil if there is none.
    subscript(name: String) -> String? { elements(name, most: 1).first.map { Self.plain($0.text) } }

    /// What is in all elements of a name. None of S3's holds another of its own name.
    func elements(_ name: String, most: Int = .max) -> [S3Document] {
        let (open, close) = (Array("<\(name)>".utf8), Array("</\(name)>".utf8))
        var found: [S3Document] = []
        var rest = text
        while found.count < most, let start = Self.find(open, in: rest) {
            let inside = rest[start.upperBound...]
            guard let end = Self.find(close, in: inside) else { break }
            found.append(S3Document(inside[..<end.lowerBound]))
            rest = inside[end.upperBound...]
        }
        return found
    }

    private static func find(_ part: [UInt8], in text: Substring) -> Range<String.Index>? {
        let bytes = text.utf8
        var at = bytes.startIndex
        while let first = bytes[at...].firstIndex(of: part[0]) {
            if bytes[first...].starts(with: part) {
                return first..<bytes.index(first, offsetBy: part.count)
            }
            at = bytes.index(after: first)
        }
        return nil
    }

    private static let entities = ["lt": "<", "gt": ">", "amp": "&", "quot": "\"", "apos": "'"]

    private static func plain(_ text: Substring) -> String {
        guard text.utf8.contains(UInt8(ascii: "&")) else { return String(text) }
        var out = ""
        var rest = text
        while let start = rest.firstIndex(of: "&") {
            out += rest[..<start]
            guard let end = rest[start...].firstIndex(of: ";") else { break }
            let name = rest[rest.index(after: start)..<end]
            if let known = entities[String(name)] {
                out += known
            } else if name.hasPrefix("#") {
                let digits = name.dropFirst()
                let value = digits.hasPrefix("x") ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
                if let value, let scalar = Unicode.Scalar(value) { out.unicodeScalars.append(scalar) }
            }
            rest = rest[rest.index(after: end)...]
        }
        return out + rest
    }
}
