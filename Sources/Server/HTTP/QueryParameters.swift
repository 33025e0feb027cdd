internal import Model

/// The parameters of a URL's query, decoded. Of one given twice the first counts.
struct QueryParameters: Sendable {
    private let pairs: [(name: String, value: String)]

    init(_ query: String?) {
        pairs = (query ?? "").utf8.split(separator: 0x26).map { part in
            let name = part.prefix { $0 != 0x3d }
            return (Self.decode(name), Self.decode(part[name.endIndex...].dropFirst()))
        }
    }

    subscript(name: String) -> String? { pairs.first { $0.name == name }?.value }

    /// All of them, each once, as a document's members; lists of those that were given several times.
    var members: [JSONValue.Member] {
        var names: [String] = []
        for pair in pairs where !pair.name.isEmpty && !names.contains(pair.name) { names.append(pair.name) }
        return names.map { name in
            let values = all(name).map { JSONValue.string($0) }
            return .init(name, values.count == 1 ? values[0] : .array(values))
        }
    }

    /// All values of a parameter that may be given several times.
    func all(_ name: String) -> [String] { pairs.filter { $0.name == name }.map(\.value) }

    /// One of some words; the first of them if the parameter is not given.
    func choice(_ name: String, _ words: [String]) throws(Problem) -> String {
        let word = self[name] ?? words[0]
        guard words.contains(word) else { throw .parameter(name, "must be \(words.joined(separator: " or "))") }
        return word
    }

    /// A whole number within `range`.
    func integer(_ name: String, in range: ClosedRange<Int64>) throws(Problem) -> Int64? {
        guard let text = self[name] else { return nil }
        guard let value = Int64(text), range.contains(value) else {
            throw .parameter(name, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// `limit`: how many rows a page has.
    func limit() throws(Problem) -> Int { Int(try integer("limit", in: 1...1_000) ?? 100) }

    /// A moment: RFC 3339, a date, or epoch seconds; UTC where no zone is said.
    func time(_ name: String) throws(Problem) -> Timestamp? {
        guard let text = self[name] else { return nil }
        guard let time = WrittenTime(text)?.timestamp() ?? Timestamp(epochSeconds: text) else {
            throw .parameter(name, "must be a time as in RFC 3339, a date, or epoch seconds")
        }
        return time
    }

    /// Resolves `%XX` and `+`; a percent sign that begins none stays as it is.
    static func decode(_ bytes: some Collection<UInt8>, plusIsSpace: Bool = true) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            if byte == 0x2b, plusIsSpace {
                out.append(0x20)
            } else if byte == 0x25, let high = hex(rest.first), let low = hex(rest.dropFirst().first) {
                out.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else {
                out.append(byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func hex(_ byte: UInt8?) -> UInt8? {
        switch byte {
        case .some(let digit) where (0x30...0x39).contains(digit): digit - 0x30
        case .some(let letter) where (0x41...0x46).contains(letter): letter - 0x37
        case .some(let letter) where (0x61...0x66).contains(letter): letter - 0x57
        default: nil
        }
    }
}
