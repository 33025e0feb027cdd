/// The binary form of an item in the journal, version 1; little-endian:
///
/// ```
/// 0  u32 length of what follows this field
/// 4  u8 kind, u8 flags, u8 protocol, u8 number of part ids (0-255)
/// 8  i64 timestamp in µs    16 i64 received_at in µs
/// 24 u64 dedup id, high     32 u64 low
/// 40 u16 id, u16 identity, u16 name, u16 other: lengths in bytes
/// 48 u32 properties: length in bytes
/// 52 part ids (16 bytes each), id, identity, name, other, properties
/// ```
///
/// The `seq` is not in it: a frame knows its first, and items follow one another.
public struct ItemLayout: Sendable {
    public let kind: ItemKind
    public let flags: ItemFlags
    public let wire: WireProtocol
    public let timestamp: Timestamp
    public let receivedAt: Timestamp
    public let dedupID: Hash128
    public let partCount: Int
    /// Where the fields lie in the payload that was decoded.
    public let partIDs: Range<Int>
    public let id: Range<Int>
    public let identity: Range<Int>
    public let name: Range<Int>
    public let other: Range<Int>
    public let properties: Range<Int>

    static let headerBytes = 52

    /// The item that starts at `offset`, which moves past it; nil if the bytes are not an item.
    public init?(_ payload: Span<UInt8>, at offset: inout Int) {
        let start = offset
        guard start >= 0, payload.count - start >= Self.headerBytes else { return nil }
        let raw = unsafe payload.bytes
        // Every load below lies within the header, whose bytes are there by the guard above.
        func u16(_ at: Int) -> Int {
            unsafe Int(UInt16(littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: start + at, as: UInt16.self)))
        }
        func u32(_ at: Int) -> Int {
            unsafe Int(UInt32(littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: start + at, as: UInt32.self)))
        }
        func u64(_ at: Int) -> UInt64 {
            unsafe UInt64(littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: start + at, as: UInt64.self))
        }
        let length = u32(0)
        guard let kind = ItemKind(rawValue: payload[start + 4]), let wire = WireProtocol(rawValue: payload[start + 6])
        else { return nil }
        self.kind = kind
        flags = ItemFlags(rawValue: payload[start + 5])
        self.wire = wire
        partCount = Int(payload[start + 7])
        timestamp = Timestamp(microseconds: Int64(bitPattern: u64(8)))
        receivedAt = Timestamp(microseconds: Int64(bitPattern: u64(16)))
        dedupID = Hash128(high: u64(24), low: u64(32))
        let first = start + Self.headerBytes
        partIDs = first..<(first + partCount * 16)
        id = partIDs.upperBound..<(partIDs.upperBound + u16(40))
        identity = id.upperBound..<(id.upperBound + u16(42))
        name = identity.upperBound..<(identity.upperBound + u16(44))
        other = name.upperBound..<(name.upperBound + u16(46))
        properties = other.upperBound..<(other.upperBound + u32(48))
        let end = properties.upperBound
        guard end == start + 4 + length, end <= payload.count else { return nil }
        offset = end
    }

    /// The part id at `index` of the payload that was decoded.
    public func partID(_ index: Int, in payload: Span<UInt8>) -> Hash128 {
        precondition(index < partCount)
        let at = partIDs.lowerBound + index * 16
        let raw = unsafe payload.bytes
        // In bounds: `partIDs` was checked when the item was decoded.
        return unsafe Hash128(
            high: UInt64(littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self)),
            low: UInt64(littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: at + 8, as: UInt64.self)))
    }
}

extension Item {
    /// The longest text field of an item, in bytes.
    public static let longestField = Int(UInt16.max)
    /// The most part ids an item carries.
    public static let mostParts = 255

    /// Appends the item's binary form. Fields are within `longestField` and `mostParts` by the limits of collection.
    public func encode(into out: inout [UInt8]) {
        let variable = partIDs.count * 16 + id.count + identity.count + name.count + other.count + properties.count
        if out.isEmpty { out.reserveCapacity(ItemLayout.headerBytes + variable) }
        // The header as words, so that it is one append.
        let kinds =
            UInt64(kind.rawValue) | UInt64(flags.rawValue) << 8 | UInt64(wire.rawValue) << 16
            | UInt64(UInt8(partIDs.count)) << 24
        let lengths =
            UInt64(UInt16(id.count)) | UInt64(UInt16(identity.count)) << 16 | UInt64(UInt16(name.count)) << 32
            | UInt64(UInt16(other.count)) << 48
        let header: InlineArray<6, UInt64> = [
            (UInt64(UInt32(ItemLayout.headerBytes - 4 + variable)) | kinds << 32).littleEndian,
            UInt64(bitPattern: timestamp.microseconds).littleEndian,
            UInt64(bitPattern: receivedAt.microseconds).littleEndian, dedupID.high.littleEndian,
            dedupID.low.littleEndian, lengths.littleEndian,
        ]
        // The words' bytes are read while the array lives.
        unsafe header.span.bytes.withUnsafeBytes { unsafe out.append(contentsOf: $0) }
        out.appendLittleEndian(UInt32(properties.count))
        for part in partIDs {
            out.appendLittleEndian(part.high)
            out.appendLittleEndian(part.low)
        }
        out.append(contentsOf: id)
        out.append(contentsOf: identity)
        out.append(contentsOf: name)
        out.append(contentsOf: other)
        out.append(contentsOf: properties)
    }

    /// The item of a layout, with its bytes copied out of the payload that it was decoded from.
    public init(_ layout: ItemLayout, in payload: Span<UInt8>) {
        self.init(
            kind: layout.kind, wire: layout.wire, timestamp: layout.timestamp, receivedAt: layout.receivedAt)
        flags = layout.flags
        dedupID = layout.dedupID
        partIDs = (0..<layout.partCount).map { layout.partID($0, in: payload) }
        id = Array(copying: payload.extracting(layout.id))
        identity = Array(copying: payload.extracting(layout.identity))
        name = Array(copying: payload.extracting(layout.name))
        other = Array(copying: payload.extracting(layout.other))
        properties = Array(copying: payload.extracting(layout.properties))
    }
}
