internal import CDuckDB

/// The arguments of up to 2,048 calls of a function of ours.
@safe public struct FunctionArguments: ~Escapable {
    // Vectors of a chunk that lives for the call; flat, since DuckDB flattens a function's input.
    private let vectors: [(data: UnsafeRawPointer?, validity: UnsafePointer<UInt64>?)]
    private let isText: [Bool]
    public let rowCount: Int

    @_lifetime(immortal)
    init(_ chunk: duckdb_data_chunk?, types: [ColumnType]) {
        isText = types.map { $0 == .text }
        rowCount = Int(unsafe duckdb_data_chunk_get_size(chunk))
        unsafe vectors = unsafe types.indices.map { i in
            let vector = unsafe duckdb_data_chunk_get_vector(chunk, idx_t(i))
            return unsafe (
                UnsafeRawPointer(duckdb_vector_get_data(vector)), UnsafePointer(duckdb_vector_get_validity(vector))
            )
        }
    }

    public func isNull(_ argument: Int, row: Int) -> Bool {
        precondition(row >= 0 && row < rowCount)
        guard let validity = unsafe vectors[argument].validity else { return false }
        return unsafe validity[row >> 6] >> UInt64(row & 63) & 1 == 0
    }

    /// Whether any argument of the row is NULL.
    public func anyNull(row: Int) -> Bool {
        for argument in unsafe vectors.indices where isNull(argument, row: row) { return true }
        return false
    }

    /// A BIGINT argument; 0 where it is NULL.
    public func int64(_ argument: Int, row: Int) -> Int64 {
        precondition(!isText[argument], "the argument is no whole number")
        guard !isNull(argument, row: row), let data = unsafe vectors[argument].data else { return 0 }
        return unsafe data.load(fromByteOffset: row &* 8, as: Int64.self)
    }

    /// All values of a BIGINT argument; where one is NULL it means nothing.
    @_lifetime(copy self)
    public func int64s(_ argument: Int) -> Span<Int64> {
        precondition(!isText[argument], "the argument is no whole number")
        guard let start = unsafe vectors[argument].data?.assumingMemoryBound(to: Int64.self) else { return Span() }
        // The vector is flat, has `rowCount` values, and lives for the call.
        return unsafe _overrideLifetime(Span(_unsafeStart: start, count: rowCount), copying: self)
    }

    /// The argument's UTF-8, in place; empty where it is NULL.
    @_lifetime(copy self)
    public func text(_ argument: Int, row: Int) -> Span<UInt8> {
        precondition(isText[argument], "the argument is no text")
        guard !isNull(argument, row: row), let data = unsafe vectors[argument].data else { return Span() }
        return unsafe _overrideLifetime(textSpan(data + row &* 16), copying: self)
    }

    /// Whether the argument is certainly the same as in the row before: what was made of it there can be used again. A constant
    /// argument repeats in every row but the first.
    public func repeats(_ argument: Int, row: Int) -> Bool {
        precondition(isText[argument], "the argument is no text")
        guard row > 0, !isNull(argument, row: row), !isNull(argument, row: row - 1),
            let data = unsafe vectors[argument].data
        else { return false }
        // Length, and the text or its address.
        let here = unsafe data + row &* 16
        return unsafe here.load(as: UInt64.self) == (here - 16).load(as: UInt64.self)
            && here.load(fromByteOffset: 8, as: UInt64.self) == (here - 16).load(fromByteOffset: 8, as: UInt64.self)
    }
}

/// The results of up to 2,048 calls. A row that is not set is NULL only if it is set so: set every row.
@safe public struct FunctionResults: ~Copyable {
    private var writer: VectorWriter
    private let type: ColumnType
    private let isText: Bool
    private(set) var failure: String?

    init(_ vector: duckdb_vector?, type: ColumnType) {
        writer = unsafe VectorWriter(vector, stride: type.stride)
        self.type = type
        isText = type == .text
    }

    public mutating func set(_ row: Int, _ text: Span<UInt8>) {
        precondition(type == .text, "the function does not return text")
        if !writer.setText(row, text) { fail("a function's result is not UTF-8 text") }
    }

    public mutating func set(_ row: Int, _ text: [UInt8]) { set(row, text.span) }

    /// Sets a text that is laid out already, without a look at it and without a copy.
    public mutating func set(_ row: Int, laidOut text: LaidOutText) {
        if !isText { preconditionFailure("the function does not return text") }
        writer.setText(row, laidOut: text)
    }

    public mutating func set(_ row: Int, _ value: Double) {
        precondition(type == .double, "the function does not return a double")
        writer.set(row, value)
    }

    public mutating func set(_ row: Int, _ value: Int64) {
        precondition(type == .int64 || type == .timestamp, "the function does not return an integer")
        writer.set(row, value)
    }

    /// A decimal of more than 18 digits, as the whole number that it is without its point.
    public mutating func set(_ row: Int, unscaled value: Int128) {
        guard case .decimal = type else { preconditionFailure("the function does not return a decimal") }
        // Two words, the lower one first, as the engine has them.
        writer.set(row, value)
    }

    public mutating func set(_ row: Int, _ value: Bool) {
        precondition(type == .boolean, "the function does not return a truth")
        writer.set(row, value ? UInt8(1) : 0)
    }

    public mutating func setNull(_ row: Int) { writer.setNull(row) }

    /// Ends the statement with this error.
    public mutating func fail(_ message: String) {
        if failure == nil { failure = message }
    }
}
