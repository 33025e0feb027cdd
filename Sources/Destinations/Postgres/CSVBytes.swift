/// A row that is not as exports write rows: PostgreSQL is to read it as it is.
struct UnusualRow: Error {}

/// The fields of a CSV as exports write them. All pointers stay before `end`; what is written is never more than what was read.
enum CSVBytes {
    /// Where the first line ends; nil if its end is not there yet.
    static func endOfHeader(
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

    /// Copies what is in quotes; false if its end is not there yet.
    @inline(__always)
    static func unquote(
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
    static func plain(
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
    static func passEnd(
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
}
