/// Reads values of Thrift's compact protocol, as far as a Parquet file's footer needs it. Whatever the bytes are, it ends
/// with a value or without one.
struct ThriftReader {
    /// The kinds of values, as the protocol numbers them.
    enum Kind: UInt8 {
        case yes = 1
        case no, byte, int16, int32, int64, double, binary, list, set, map, structure
    }

    private static let deepest = 32

    private let bytes: ArraySlice<UInt8>
    /// Where the next value begins.
    private(set) var at: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        at = bytes.startIndex
    }

    /// The integer that a field of the outermost structure holds; nil if there is none.
    mutating func integer(ofField wanted: Int) -> Int64? {
        var number = 0
        while let field = field(after: &number) {
            if number == wanted { return field == .int64 || field == .int32 ? zigzag() : nil }
            guard skip(field, depth: 0) else { return nil }
        }
        return nil
    }

    /// Whether nothing follows.
    var isOver: Bool { at == bytes.endIndex }

    /// The bytes from a place up to where it is now.
    func passed(since place: Int) -> ArraySlice<UInt8> { bytes[place..<at] }

    /// The next field's kind; nil at the structure's end.
    mutating func field(after number: inout Int) -> Kind? {
        guard let head = byte(), head != 0, let kind = Kind(rawValue: head & 15) else { return nil }
        if head >> 4 != 0 {
            number += Int(head >> 4)
        } else {
            guard let written = zigzag(), (0...0x7fff).contains(written) else { return nil }
            number = Int(written)
        }
        return kind
    }

    /// Passes a value of a field; false if it is not whole.
    mutating func skip(_ kind: Kind, depth: Int = 0) -> Bool {
        guard depth < Self.deepest else { return false }
        switch kind {
        // The field's kind is the value.
        case .yes, .no: return true
        case .byte: return pass(1)
        case .int16, .int32, .int64: return varint() != nil
        case .double: return pass(8)
        case .binary: return varint().map { pass($0) } ?? false
        case .list, .set:
            guard let head = byte(), let element = Kind(rawValue: head & 15) else { return false }
            guard let count = head >> 4 == 15 ? varint() : UInt64(head >> 4) else { return false }
            return elements(count, [element], depth: depth)
        case .map:
            guard let count = varint() else { return false }
            if count == 0 { return true }
            guard let head = byte(), let key = Kind(rawValue: head >> 4), let value = Kind(rawValue: head & 15) else {
                return false
            }
            return elements(count, [key, value], depth: depth)
        case .structure:
            var number = 0
            while true {
                guard at < bytes.endIndex else { return false }
                if bytes[at] == 0 { return pass(1) }
                guard let field = field(after: &number), skip(field, depth: depth + 1) else { return false }
            }
        }
    }

    /// The beginning of a list of structures: how many there are; nil if it is none.
    mutating func structures() -> Int? {
        guard let head = byte(), Kind(rawValue: head & 15) == .structure else { return nil }
        guard let count = head >> 4 == 15 ? varint() : UInt64(head >> 4) else { return nil }
        // Each takes a byte at least.
        return count <= UInt64(bytes.endIndex - at) ? Int(count) : nil
    }

    /// Each takes a byte at least, so that no count lasts longer than the bytes.
    private mutating func elements(_ count: UInt64, _ kinds: [Kind], depth: Int) -> Bool {
        guard count <= UInt64(bytes.endIndex - at) else { return false }
        for _ in 0..<count {
            for kind in kinds {
                // Outside of fields a truth has a byte.
                guard kind == .yes || kind == .no ? pass(1) : skip(kind, depth: depth + 1) else { return false }
            }
        }
        return true
    }

    private mutating func byte() -> UInt8? {
        guard at < bytes.endIndex else { return nil }
        defer { at += 1 }
        return bytes[at]
    }

    private mutating func pass(_ count: UInt64) -> Bool {
        guard count <= UInt64(bytes.endIndex - at) else { return false }
        at += Int(count)
        return true
    }

    private mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: 0, to: 64, by: 7) {
            guard let byte = byte() else { return nil }
            value |= UInt64(byte & 0x7f) << UInt64(shift)
            if byte < 0x80 { return value }
        }
        return nil
    }

    /// A whole number of two to eight bytes.
    mutating func zigzag() -> Int64? {
        varint().map { Int64(bitPattern: $0 >> 1) ^ -Int64(bitPattern: $0 & 1) }
    }
}
