internal import CDuckDB

/// A function of ours that SQL can call: texts or whole numbers in, one value out.
///
/// DuckDB calls it from its own threads, several at once, with up to 2,048 rows. It must give the same result for the same
/// arguments, since DuckDB computes constant calls once.
public struct ScalarFunction: Sendable {
    public typealias Body =
        @Sendable (_ arguments: borrowing FunctionArguments, _ results: inout FunctionResults) -> Void

    public let name: String
    /// The types of its arguments: `.text` or `.int64`.
    public let takes: [ColumnType]
    /// `.text`, `.double`, `.int64`, `.timestamp`, `.boolean`, or a `.decimal` of more than 18 digits.
    public let returns: ColumnType
    let body: Body

    /// A function of VARCHAR arguments.
    public init(name: String, arity: Int, returns: ColumnType = .text, body: @escaping Body) {
        self.init(name: name, takes: Array(repeating: .text, count: arity), returns: returns, body: body)
    }

    public init(name: String, takes: [ColumnType], returns: ColumnType = .text, body: @escaping Body) {
        precondition(!takes.isEmpty, "a function takes at least one argument")
        precondition(takes.allSatisfy { $0 == .text || $0 == .int64 }, "a function takes texts and whole numbers")
        self.name = name
        self.takes = takes
        self.returns = returns
        self.body = body
    }

    /// A function from row to row: NULL if any argument is NULL; else what `body` appends, or NULL if it returns false.
    public static func rows(
        name: String, arity: Int,
        body:
            @escaping @Sendable (_ arguments: borrowing FunctionArguments, _ row: Int, _ out: inout [UInt8]) -> Bool
    ) -> ScalarFunction {
        ScalarFunction(name: name, arity: arity) { arguments, results in
            var out: [UInt8] = []
            for row in 0..<arguments.rowCount {
                out.removeAll(keepingCapacity: true)
                if arguments.anyNull(row: row) || !body(arguments, row, &out) {
                    results.setNull(row)
                } else {
                    results.set(row, out)
                }
            }
        }
    }
}

extension Connection {
    /// Makes a function known to the whole database, and so to every connection; a second time does nothing.
    public func register(_ function: ScalarFunction) throws(DuckDBError) {
        try database.once("\(function.name)/\(function.takes.count)") { () throws(DuckDBError) in
            try begin()
            defer { interrupter.endStatement() }
            try add(function)
        }
    }

    private func add(_ function: ScalarFunction) throws(DuckDBError) {
        // Handles are ours until the function returns; DuckDB copies what it keeps.
        var handle = unsafe duckdb_create_scalar_function()
        var result = unsafe function.returns.makeHandle()
        defer {
            unsafe duckdb_destroy_scalar_function(&handle)
            unsafe duckdb_destroy_logical_type(&result)
        }
        guard unsafe result != nil else {
            throw DuckDBError(.usage, "the function \(function.name) cannot return \(function.returns)")
        }
        unsafe duckdb_scalar_function_set_name(handle, function.name)
        for type in function.takes {
            var taken = unsafe type.makeHandle()
            unsafe duckdb_scalar_function_add_parameter(handle, taken)
            unsafe duckdb_destroy_logical_type(&taken)
        }
        unsafe duckdb_scalar_function_set_return_type(handle, result)
        // NULL arguments come to the function, too.
        unsafe duckdb_scalar_function_set_special_handling(handle)
        // Retained for DuckDB, which releases it with the function.
        let box = unsafe Unmanaged.passRetained(FunctionBox(function)).toOpaque()
        unsafe duckdb_scalar_function_set_extra_info(handle, box) { pointer in
            if let pointer = unsafe pointer { unsafe Unmanaged<FunctionBox>.fromOpaque(pointer).release() }
        }
        unsafe duckdb_scalar_function_set_function(handle) { info, input, output in
            guard let pointer = unsafe duckdb_scalar_function_get_extra_info(info) else { return }
            // DuckDB holds the box for as long as it can call.
            let function = unsafe Unmanaged<FunctionBox>.fromOpaque(pointer).takeUnretainedValue().function
            var results = unsafe FunctionResults(output, type: function.returns)
            unsafe function.body(FunctionArguments(input, types: function.takes), &results)
            if let failure = results.failure { unsafe duckdb_scalar_function_set_error(info, failure) }
        }
        guard unsafe duckdb_register_scalar_function(self.handle, handle) == DuckDBSuccess else {
            throw DuckDBError(.usage, "DuckDB did not take the function \(function.name); is the name in use?")
        }
    }
}

/// What DuckDB holds on to.
private final class FunctionBox: Sendable {
    let function: ScalarFunction
    init(_ function: ScalarFunction) { self.function = function }
}
