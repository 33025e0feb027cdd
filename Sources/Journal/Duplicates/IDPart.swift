internal import Model

/// What of a file of ids came in one hour: the ids of the items up to `toSeq`, after the part before.
struct IDPart: Sendable, Equatable {
    static let bytes = 16
    /// Where the parts lie in a file's head, and how many there can be: a day has no more hours.
    static let offset = 84
    static let most = 24

    var hour: Int64
    var toSeq: Int64

    /// Puts the parts of two files together that follow one another.
    static func join(_ earlier: [IDPart], _ later: [IDPart]) -> [IDPart] {
        guard let last = earlier.last, let next = later.first, last.hour == next.hour else { return earlier + later }
        return earlier.dropLast() + later
    }

    static func encode(_ parts: [IDPart], into head: inout [UInt8]) {
        let start = head.count
        head.appendLittleEndian(UInt32(parts.count))
        for part in parts {
            head.appendLittleEndian(part.hour)
            head.appendLittleEndian(part.toSeq)
        }
        head.appendLittleEndian(Checksum.crc32(head.span.extracting(start...)))
    }

    /// The parts that a head tells; nil if it tells none. Its file counts as one part of its newest hour then, which keeps
    /// ids for too long rather than too short.
    static func decode(_ head: Span<UInt8>) -> [IDPart]? {
        let count = Int(head.load(offset, as: UInt32.self))
        guard 1...most ~= count else { return nil }
        let end = offset + 4 + count * bytes
        guard Checksum.crc32(head.extracting(offset..<end)) == head.load(end, as: UInt32.self) else { return nil }
        return (0..<count).map { part in
            let at = offset + 4 + part * bytes
            return IDPart(hour: head.load(at), toSeq: head.load(at + 8))
        }
    }
}
