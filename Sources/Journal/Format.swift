internal import Model

/// The head of a segment file; little-endian:
///
/// ```
/// 0  u64 magic    8  u32 format version    12 u32 zero
/// 16 i64 first seq (as in the file's name)
/// 24 i64 last seq before it: that of the segment before, or the floor of an empty journal
/// 32 u64 salt     40 u32 CRC-32 of the 40 bytes before    44 u32 zero
/// ```
///
/// The salt is random and stands in every frame's head, so that no event can hold bytes that pass for a frame.
struct SegmentHeader: Equatable {
    static let bytes = 48
    static let magic: UInt64 = 0x314a_4543_4955_4c53  // "SLUICEJ1"
    static let version: UInt32 = 1

    let firstSeq: Int64
    let previousLast: Int64
    let salt: UInt64

    init(firstSeq: Int64, previousLast: Int64, salt: UInt64) {
        self.firstSeq = firstSeq
        self.previousLast = previousLast
        self.salt = salt
    }

    init?(_ bytes: Span<UInt8>) {
        guard bytes.count >= Self.bytes, bytes.load(0) == Self.magic, bytes.load(8) == Self.version,
            Checksum.crc32(bytes.extracting(0..<40)) == bytes.load(40, as: UInt32.self)
        else { return nil }
        firstSeq = bytes.load(16)
        previousLast = bytes.load(24)
        salt = bytes.load(32)
    }

    func encoded() -> [UInt8] {
        var out: [UInt8] = []
        out.appendLittleEndian(Self.magic)
        out.appendLittleEndian(Self.version)
        out.appendLittleEndian(UInt32(0))
        out.appendLittleEndian(firstSeq)
        out.appendLittleEndian(previousLast)
        out.appendLittleEndian(salt)
        out.appendLittleEndian(Checksum.crc32(out.span))
        out.appendLittleEndian(UInt32(0))
        return out
    }
}

/// The head of a frame, which is one group commit; little-endian:
///
/// ```
/// 0  u32 magic          4  u32 payload length    8  i64 first seq
/// 16 i64 committed at, in µs                     24 u64 the segment's salt
/// 32 u32 number of items                         36 u32 CRC-32 of the 36 bytes before and the payload
/// 40 payload: the items one after another
/// ```
struct FrameHeader: Equatable {
    static let bytes = 40
    static let magic: UInt32 = 0x464a_4c53  // "SLJF"
    /// The least bytes that an item takes.
    static let leastItemBytes = 52

    let payloadBytes: Int
    let firstSeq: Int64
    let count: Int
    let committedAt: Timestamp
    let checksum: UInt32

    var lastSeq: Int64 { firstSeq + Int64(count) - 1 }
    var frameBytes: Int { Self.bytes + payloadBytes }

    /// The head at the start of `bytes`; nil if they are none of this segment's.
    init?(_ bytes: Span<UInt8>, salt: UInt64) {
        guard bytes.count >= Self.bytes, bytes.load(0) == Self.magic, bytes.load(24) == salt else { return nil }
        payloadBytes = Int(bytes.load(4, as: UInt32.self))
        firstSeq = bytes.load(8)
        committedAt = Timestamp(microseconds: bytes.load(16))
        count = Int(bytes.load(32, as: UInt32.self))
        checksum = bytes.load(36)
        guard count > 0, firstSeq > 0, firstSeq < Int64.max - Int64(count),
            payloadBytes / Self.leastItemBytes >= count
        else { return nil }
    }

    /// Writes the head into the first bytes of a frame whose payload is in place.
    static func write(into frame: inout [UInt8], firstSeq: Int64, count: Int, committedAt: Timestamp, salt: UInt64) {
        frame.put(magic, at: 0)
        frame.put(UInt32(frame.count - bytes), at: 4)
        frame.put(firstSeq, at: 8)
        frame.put(committedAt.microseconds, at: 16)
        frame.put(salt, at: 24)
        frame.put(UInt32(count), at: 32)
        frame.put(checksum(of: frame.span), at: 36)
    }

    /// The checksum that a whole frame should carry.
    static func checksum(of frame: Span<UInt8>) -> UInt32 {
        Checksum.crc32(frame.extracting(bytes...), after: Checksum.crc32(frame.extracting(0..<36)))
    }
}

/// The names of a journal's files.
enum FileNames {
    static let segmentSuffix = ".journal"
    static let position = "position"
    static let duplicates = "dedup"

    static func padded(_ seq: Int64) -> String {
        let digits = String(seq)
        return String(repeating: "0", count: max(0, 20 - digits.utf8.count)) + digits
    }

    static func segment(_ firstSeq: Int64) -> String { padded(firstSeq) + segmentSuffix }

    /// The last part of a path.
    static func last(of path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

    /// The first `seq` that a segment's name tells; nil for other files.
    static func firstSeq(of name: String) -> Int64? {
        guard name.hasSuffix(segmentSuffix) else { return nil }
        let digits = name.dropLast(segmentSuffix.utf8.count)
        return digits.utf8.count == 20 ? Int64(digits) : nil
    }
}
