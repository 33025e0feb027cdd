internal import Connectors

/// A row that is not as exports write rows: PostgreSQL is to read it as it is.
struct UnusualRow: Error {}

/// Writes the rows of a CSV as the binary form of `COPY`, piece by piece: the server, which finds no ends of fields in it and reads no
/// digits, needs little more than half the time.
///
/// What comes of a value is what PostgreSQL would read. Anything that may be read otherwise is an `UnusualRow`.
@safe final class BinaryRows {
    enum Kind {
        case integer, double, boolean, time, json, text
    }

    private let kinds: [Kind]
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
        var kinds: [Kind] = []
        for (column, type) in zip(columns, types) {
            guard let kind = Self.kind(column.type, type) else { return nil }
            kinds.append(kind)
        }
        self.kinds = kinds
    }

    deinit {
        unsafe input.deallocate()
        unsafe output.deallocate()
    }

    private static func kind(_ type: String, _ number: UInt32) -> Kind? {
        switch (type, number) {
        case ("bigint", 20): .integer
        case ("double", 701): .double
        case ("boolean", 16): .boolean
        case ("timestamp", 1184): .time
        case ("json", 3802), ("text[]", 3802): .json
        case ("text", 25): .text
        default: nil
        }
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
        unsafe Self.put(UInt16.max, UnsafeMutableRawPointer(output + count))
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
            guard let next = unsafe Self.endOfHeader(from, end) else { return }
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

    private static func endOfHeader(
        _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>
    ) -> UnsafePointer<UInt8>? {
        var at = unsafe start
        var isQuoted = false
        while unsafe at < end {
            let byte = unsafe at.pointee
            unsafe at += 1
            if byte == 0x22 { isQuoted.toggle() }
            if byte == 0x0a, !isQuoted { return unsafe at }
        }
        return nil
    }

    /// Writes one row; where it ends, or nil if its end is not there yet.
    @inline(__always)
    private func row(
        _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>
    ) throws(UnusualRow) -> UnsafePointer<UInt8>? {
        var at = unsafe start
        var to = unsafe UnsafeMutableRawPointer(output + count)
        unsafe Self.put(UInt16(kinds.count), to)
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
            guard unsafe isQuoted ? Self.unquote(&at, end, &to) : Self.plain(&at, end, &to) else { return nil }
            let size = unsafe to - text
            if size == 0, !isQuoted {
                // No value.
                unsafe Self.put(UInt32.max, length)
                unsafe to = unsafe value
            } else {
                if kind != .text, kind != .json {
                    unsafe to = try text + Self.scalar(kind, UnsafeRawPointer(text), size)
                }
                unsafe Self.put(UInt32(truncatingIfNeeded: to - value), length)
            }
            guard unsafe try Self.passEnd(&at, end, isLast: field == kinds.count) else { return nil }
        }
        count = unsafe to - UnsafeMutableRawPointer(output)
        return unsafe at
    }

    /// Copies what is in quotes; false if its end is not there yet.
    @inline(__always)
    private static func unquote(
        _ at: inout UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ to: inout UnsafeMutableRawPointer
    ) -> Bool {
        unsafe at += 1
        while unsafe at < end {
            let byte = unsafe at.pointee
            unsafe at += 1
            if byte == 0x22 {
                // It may be the first of two.
                guard unsafe at < end else { return false }
                guard unsafe at.pointee == 0x22 else { return true }
                unsafe at += 1
            }
            unsafe to.storeBytes(of: byte, as: UInt8.self)
            unsafe to += 1
        }
        return false
    }

    /// Copies what is not in quotes; false if its end is not there yet.
    @inline(__always)
    private static func plain(
        _ at: inout UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ to: inout UnsafeMutableRawPointer
    ) -> Bool {
        while unsafe at < end {
            let byte = unsafe at.pointee
            // A quote in the middle is no end that `passEnd` knows.
            if byte == 0x2c || byte == 0x0a || byte == 0x0d || byte == 0x22 { return true }
            unsafe to.storeBytes(of: byte, as: UInt8.self)
            unsafe to += 1
            unsafe at += 1
        }
        return false
    }

    /// Goes past what ends a field; false if it is not there yet.
    @inline(__always)
    private static func passEnd(
        _ at: inout UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, isLast: Bool
    ) throws(UnusualRow) -> Bool {
        guard unsafe at < end else { return false }
        let byte = unsafe at.pointee
        unsafe at += 1
        if !isLast {
            guard byte == 0x2c else { throw UnusualRow() }
            return true
        }
        if byte == 0x0a { return true }
        guard byte == 0x0d else { throw UnusualRow() }
        guard unsafe at < end else { return false }
        guard unsafe at.pointee == 0x0a else { throw UnusualRow() }
        unsafe at += 1
        return true
    }

    /// Reads a text and writes the value in its place; how many bytes that has.
    @inline(__always)
    private static func scalar(
        _ kind: Kind, _ place: UnsafeRawPointer, _ size: Int
    ) throws(UnusualRow) -> Int {
        // The text is read before it is written over; there is room for twelve bytes more than it has.
        let text = unsafe UnsafeRawBufferPointer(start: place, count: size)
        let to = unsafe UnsafeMutableRawPointer(mutating: place)
        switch kind {
        case .integer:
            guard let number = unsafe BinaryValues.integer(text) else { throw UnusualRow() }
            unsafe to.storeBytes(of: number.bigEndian, as: Int64.self)
            return 8
        case .double:
            guard let number = unsafe BinaryValues.double(text) else { throw UnusualRow() }
            unsafe to.storeBytes(of: number.bitPattern.bigEndian, as: UInt64.self)
            return 8
        case .boolean:
            guard let truth = unsafe BinaryValues.truth(text) else { throw UnusualRow() }
            unsafe to.storeBytes(of: truth ? 1 : 0, as: UInt8.self)
            return 1
        case .time:
            guard let time = unsafe BinaryValues.time(text) else { throw UnusualRow() }
            unsafe to.storeBytes(of: time.bigEndian, as: Int64.self)
            return 8
        case .json, .text: return size
        }
    }

    /// In the order of the network.
    @inline(__always)
    private static func put<T: FixedWidthInteger & BitwiseCopyable>(_ number: T, _ to: UnsafeMutableRawPointer) {
        unsafe to.storeBytes(of: number.bigEndian, as: T.self)
    }
}
