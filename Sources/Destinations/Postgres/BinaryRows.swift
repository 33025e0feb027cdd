internal import Connectors

/// Writes the rows of a CSV as the binary form of `COPY`, piece by piece: the server, which finds no ends of fields in it and reads no
/// digits, needs little more than half the time.
///
/// What comes of a value is what PostgreSQL would read. Anything that may be read otherwise is an `UnusualRow`.
@safe final class BinaryRows {
    private let kinds: [BinaryField]
    // Both owned here alone, and freed in `deinit`. Of the input the first `filled` bytes are there, and wait for the end of their row.
    private var input = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
    private var output = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
    private var capacity = 0
    private var filled = 0
    private var count = 0
    private var isBegun = false
    private var isHeader = true
    /// Whether it ended at an unusual row.
    private(set) var isUnusual = false

    /// - Parameters:
    ///   - columns: those of the file, with a manifest's types.
    ///   - types: PostgreSQL's numbers of the types of the columns that they go to.
    /// - Returns: nil where some have other types, into which PostgreSQL has to read them.
    init?(_ columns: [LoadColumn], into types: [UInt32]) {
        guard columns.count == types.count, (1...1_600).contains(columns.count) else { return nil }
        var kinds: [BinaryField] = []
        for (column, type) in zip(columns, types) {
            guard let kind = BinaryField(column.type, type) else { return nil }
            kinds.append(kind)
        }
        self.kinds = kinds
    }

    deinit {
        unsafe input.deallocate()
        unsafe output.deallocate()
    }

    /// What goes on in the place of a piece; valid until the next one.
    func taking(_ piece: UnsafeRawBufferPointer) throws(ConnectorError) -> UnsafeRawBufferPointer {
        begin()
        unsafe hold(piece)
        try convertUsual()
        return unsafe UnsafeRawBufferPointer(start: output, count: count)
    }

    /// What ends it.
    func rest() throws(ConnectorError) -> UnsafeRawBufferPointer {
        begin()
        if filled > 0 {
            // A last line without an end.
            let end = [UInt8(0x0a)]
            // Lent for the call.
            unsafe end.withUnsafeBytes { unsafe hold($0) }
            try convertUsual()
            guard filled == 0 else { throw unusual() }
        }
        unsafe BinaryField.put(UInt16.max, UnsafeMutableRawPointer(output + count))
        count += 2
        return unsafe UnsafeRawBufferPointer(start: output, count: count)
    }

    private func convertUsual() throws(ConnectorError) {
        do { try convert() } catch { throw unusual() }
    }

    private func unusual() -> ConnectorError {
        isUnusual = true
        return ConnectorError(.refused, "a row is written in an unusual way")
    }

    private func begin() {
        count = 0
        guard !isBegun else { return }
        isBegun = true
        reserve(0)
        for byte in Array("PGCOPY\n".utf8) + [0xff, 0x0d, 0x0a, 0x00] + [UInt8](repeating: 0, count: 8) {
            unsafe output[count] = byte
            count += 1
        }
    }

    /// Makes room for so many bytes of input, and for what may come of them.
    private func reserve(_ wanted: Int) {
        guard wanted > capacity || capacity == 0 else { return }
        capacity = max(wanted, capacity * 2, 1 << 10)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        unsafe larger.update(from: input, count: filled)
        unsafe input.deallocate()
        unsafe input = unsafe larger
        // A field has a comma or a line's end, and becomes four bytes of length and eight of a number, or one more than its text. What is not
        // written to costs nothing.
        let written = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity * 8 + 64)
        unsafe written.update(from: output, count: count)
        unsafe output.deallocate()
        unsafe output = unsafe written
    }

    private func hold(_ piece: UnsafeRawBufferPointer) {
        reserve(filled + piece.count)
        guard let start = piece.baseAddress else { return }
        // Room was just made.
        unsafe UnsafeMutableRawPointer(input + filled).copyMemory(from: start, byteCount: piece.count)
        filled += piece.count
    }

    /// Writes the rows that are whole.
    private func convert() throws(UnusualRow) {
        // All pointers stay within what is filled, and what is written within what was reserved for it.
        let end = unsafe UnsafePointer(input + filled)
        var from = unsafe UnsafePointer(input)
        if isHeader {
            guard let next = unsafe CSVBytes.endOfHeader(from, end) else { return }
            unsafe from = unsafe next
            isHeader = false
        }
        while unsafe from < end {
            guard let next = unsafe try row(from, end) else { break }
            unsafe from = unsafe next
        }
        filled = unsafe end - from
        unsafe input.update(from: from, count: filled)
    }

    /// Writes one row; where it ends, or nil if its end is not there yet.
    @inline(__always)
    private func row(
        _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>
    ) throws(UnusualRow) -> UnsafePointer<UInt8>? {
        var at = unsafe start
        var to = unsafe UnsafeMutableRawPointer(output + count)
        unsafe BinaryField.put(UInt16(kinds.count), to)
        unsafe to += 2
        var field = 0
        while field < kinds.count {
            let kind = kinds[field]
            field &+= 1
            let length = unsafe to
            unsafe to += 4
            guard unsafe at < end else { return nil }
            let value = unsafe to
            if kind == .json {
                // The version of its form.
                unsafe to.storeBytes(of: 1, as: UInt8.self)
                unsafe to += 1
            }
            let text = unsafe to
            let isQuoted = unsafe at.pointee == 0x22
            guard unsafe isQuoted ? CSVBytes.unquote(&at, end, &to) : CSVBytes.plain(&at, end, &to) else { return nil }
            let size = unsafe to - text
            if size == 0, !isQuoted {
                // No value.
                unsafe BinaryField.put(UInt32.max, length)
                unsafe to = unsafe value
            } else {
                if kind != .text, kind != .json {
                    unsafe to = try text + kind.scalar(UnsafeRawPointer(text), size)
                }
                unsafe BinaryField.put(UInt32(truncatingIfNeeded: to - value), length)
            }
            guard unsafe try CSVBytes.passEnd(&at, end, isLast: field == kinds.count) else { return nil }
        }
        count = unsafe to - UnsafeMutableRawPointer(output)
        return unsafe at
    }
}
