/// A field of a row in the binary form of `COPY`.
enum BinaryField {
    case integer, double, boolean, time, json, text

    /// Nil where PostgreSQL has to read the text, since the column is of another type.
    ///
    /// - Parameters:
    ///   - type: a manifest's type.
    ///   - number: PostgreSQL's number of the column's type.
    init?(_ type: String, _ number: UInt32) {
        switch (type, number) {
        case ("bigint", 20): self = .integer
        case ("double", 701): self = .double
        case ("boolean", 16): self = .boolean
        case ("timestamp", 1184): self = .time
        case ("json", 3802), ("text[]", 3802): self = .json
        case ("text", 25): self = .text
        default: return nil
        }
    }

    /// Reads a text and writes the value in its place; how many bytes that has.
    @inline(__always)
    func scalar(_ place: UnsafeRawPointer, _ size: Int) throws(UnusualRow) -> Int {
        // The text is read before it is written over; there is room for twelve bytes more than it has.
        let text = unsafe UnsafeRawBufferPointer(start: place, count: size)
        let to = unsafe UnsafeMutableRawPointer(mutating: place)
        switch self {
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
    static func put<T: FixedWidthInteger & BitwiseCopyable>(_ number: T, _ to: UnsafeMutableRawPointer) {
        unsafe to.storeBytes(of: number.bigEndian, as: T.self)
    }
}
