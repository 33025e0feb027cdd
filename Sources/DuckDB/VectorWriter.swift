internal import CDuckDB

/// Writes the values of one column of a chunk or of a function's result.
@safe struct VectorWriter {
    // Both belong to a chunk that outlives the writer.
    private let vector: duckdb_vector?
    private let data: UnsafeMutableRawPointer?
    private var validity: UnsafeMutablePointer<UInt64>?
    private let stride: Int

    init(_ vector: duckdb_vector?, stride: Int) {
        unsafe self.vector = unsafe vector
        unsafe data = unsafe duckdb_vector_get_data(vector)
        unsafe validity = nil
        self.stride = stride
    }

    /// Stores a fixed-width value; `row` must be in the vector's capacity.
    func set<T: BitwiseCopyable>(_ row: Int, _ value: T) {
        precondition(MemoryLayout<T>.size == stride && row < Appender.chunkRows, "the column has another width")
        unsafe data?.storeBytes(of: value, toByteOffset: row &* stride, as: T.self)
    }

    mutating func setNull(_ row: Int) {
        if unsafe validity == nil {
            // Makes the bits exist, all set.
            unsafe duckdb_vector_ensure_validity_writable(vector)
            unsafe validity = unsafe duckdb_vector_get_validity(vector)
        }
        unsafe duckdb_validity_set_row_invalid(validity, idx_t(row))
    }

    /// Copies a text into the column; false if it is not UTF-8.
    func setText(_ row: Int, _ text: Span<UInt8>) -> Bool {
        guard isASCII(text) || isUTF8(text) else { return false }
        copy(row, text)
        return true
    }

    /// Stores a text that is laid out already.
    @inline(__always)
    func setText(_ row: Int, laidOut text: LaidOutText) {
        precondition(stride == 16 && row < Appender.chunkRows, "the column has another width")
        unsafe data?.storeBytes(of: text, toByteOffset: row &* 16, as: LaidOutText.self)
    }

    /// Stores a text of at most twelve bytes in its place, and of a longer one where it lies.
    ///
    /// Unsafe: the bytes are UTF-8 and stay where they are for as long as the vector is read.
    @inline(__always)
    @unsafe func lendText(_ row: Int, _ text: Span<UInt8>) {
        unsafe text.withUnsafeBytes { bytes in
            let laidOut = unsafe LaidOutText(bytes)
            setText(row, laidOut: laidOut)
        }
    }

    /// Stores a text as the engine has laid it out in another vector.
    ///
    /// Unsafe: the other vector stays for as long as this one is read.
    @inline(__always)
    @unsafe func lendText(_ row: Int, stored text: UnsafeRawPointer) {
        precondition(stride == 16 && row < Appender.chunkRows, "the column has another width")
        unsafe data?.advanced(by: row &* 16).copyMemory(from: text, byteCount: 16)
    }

    /// Copies bytes into the column, whatever they are.
    func setBlob(_ row: Int, _ bytes: Span<UInt8>) {
        copy(row, bytes)
    }

    private func copy(_ row: Int, _ text: Span<UInt8>) {
        // DuckDB copies the bytes before the call returns.
        unsafe text.withUnsafeBufferPointer { bytes in
            unsafe bytes.withMemoryRebound(to: CChar.self) {
                unsafe duckdb_unsafe_vector_assign_string_element_len(
                    vector, idx_t(row), $0.baseAddress ?? emptyText, idx_t($0.count))
            }
        }
    }
}

/// Somewhere to point to for a text of no bytes: made once, never written and never freed.
private nonisolated(unsafe) let emptyText: UnsafePointer<CChar> = {
    // One byte for the life of the process.
    let byte = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
    unsafe byte.initialize(to: 0)
    return unsafe UnsafePointer(byte)
}()

/// Whether all bytes are below 128; eight at a time.
private func isASCII(_ text: Span<UInt8>) -> Bool {
    let raw = unsafe text.bytes
    let count = text.count
    var i = 0
    var bits: UInt64 = 0
    while i &+ 8 <= count {
        // Eight bytes from `i` end at or before `count`.
        bits |= unsafe raw.unsafeLoadUnaligned(fromByteOffset: i, as: UInt64.self)
        i &+= 8
    }
    while i < count {
        bits |= UInt64(text[i])
        i &+= 1
    }
    return bits & 0x8080_8080_8080_8080 == 0
}

private func isUTF8(_ text: Span<UInt8>) -> Bool {
    unsafe text.withUnsafeBufferPointer { bytes in
        unsafe bytes.withMemoryRebound(to: CChar.self) {
            // DuckDB's own check: what it would refuse to read back.
            var fault = unsafe duckdb_valid_utf8_check($0.baseAddress, idx_t($0.count))
            defer { unsafe duckdb_destroy_error_data(&fault) }
            return unsafe fault == nil || !duckdb_error_data_has_error(fault)
        }
    }
}
