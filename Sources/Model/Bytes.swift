extension [UInt8] {
    /// Appends an integer's bytes, least significant first.
    @inlinable
    public mutating func appendLittleEndian(_ value: some FixedWidthInteger) {
        // The buffer is the integer's own storage and lives for the call.
        unsafe Swift.withUnsafeBytes(of: value.littleEndian) { unsafe append(contentsOf: $0) }
    }

    /// The bytes of a span, copied.
    @inlinable
    public init(copying span: Span<UInt8>) {
        // `Array` copies before the span's storage can go.
        self = unsafe span.withUnsafeBufferPointer { unsafe Array($0) }
    }

    /// Appends a span's bytes.
    @inlinable
    public mutating func append(copying span: Span<UInt8>) {
        // `append` copies before the span's storage can go.
        unsafe span.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}

extension String {
    /// The text of UTF-8 bytes; bytes that are not UTF-8 become U+FFFD.
    @inlinable
    public init(utf8 span: Span<UInt8>) {
        // `String` copies before the span's storage can go.
        self = unsafe span.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}

/// Whether two spans hold the same bytes.
@inlinable
public func equalBytes(_ a: Span<UInt8>, _ b: Span<UInt8>) -> Bool {
    guard a.count == b.count else { return false }
    var i = 0
    while i < a.count {
        if a[i] != b[i] { return false }
        i &+= 1
    }
    return true
}
