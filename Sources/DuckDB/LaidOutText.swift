/// A text as DuckDB lays texts out in a column: four bytes of length, then up to twelve bytes of text; of a longer one its
/// first four bytes and its address.
public struct LaidOutText: BitwiseCopyable, Sendable {
    private var head: UInt64
    private var tail: UInt64

    public var isEmpty: Bool { UInt32(truncatingIfNeeded: head) == 0 }

    /// Lays a text out.
    ///
    /// Unsafe: the bytes are UTF-8, and those of a text longer than twelve bytes stay where they are until the last result
    /// that has it is gone.
    @unsafe public init(_ text: UnsafeRawBufferPointer) {
        precondition(text.count <= Int(UInt32.max), "a text has at most 4 GiB")
        head = UInt64(UInt32(truncatingIfNeeded: text.count))
        tail = 0
        if text.count >= 4 {
            // In bounds: there are four bytes.
            head |= UInt64(UInt32(littleEndian: unsafe text.loadUnaligned(as: UInt32.self))) << 32
        } else {
            for i in 0..<text.count { head |= UInt64(unsafe text[i]) << UInt64(32 + i * 8) }
        }
        if text.count <= 12 {
            for i in 4..<max(4, text.count) { tail |= UInt64(unsafe text[i]) << UInt64((i - 4) * 8) }
        } else {
            tail = UInt64(UInt(bitPattern: text.baseAddress))
        }
    }
}
