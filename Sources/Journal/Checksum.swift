internal import CCodecs

/// CRC-32 as in zlib, which is fast enough to check every byte that is read back.
enum Checksum {
    static func crc32(_ bytes: Span<UInt8>, after seed: UInt32 = 0) -> UInt32 {
        // The pointer is used within the call. An empty span has no address, for which zlib would return its initial value.
        guard !bytes.isEmpty else { return seed }
        return unsafe bytes.withUnsafeBufferPointer {
            unsafe UInt32(truncatingIfNeeded: crc32_z(uLong(seed), $0.baseAddress, $0.count))
        }
    }
}

extension Span<UInt8> {
    /// The little-endian integer at `offset`, which must lie within the span with all its bytes.
    @inline(__always)
    func load<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: T.Type = T.self) -> T {
        precondition(offset >= 0 && offset <= count - MemoryLayout<T>.size)
        // In bounds by the check above.
        return unsafe T(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
    }
}

extension [UInt8] {
    /// Overwrites the bytes at `offset` with the integer's, least significant first.
    mutating func put(_ value: some FixedWidthInteger, at offset: Int) {
        var rest = value
        var at = offset
        for _ in 0..<(rest.bitWidth / 8) {
            self[at] = UInt8(truncatingIfNeeded: rest)
            rest = rest >> 8
            at += 1
        }
    }
}
