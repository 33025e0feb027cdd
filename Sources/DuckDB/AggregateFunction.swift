internal import CDuckDB

/// What an aggregate of ours gathers of some rows. DuckDB makes one for each thread, adds rows to it, and merges them.
public protocol AggregateState: AnyObject {
    /// Takes up to 2,048 rows in.
    func add(_ arguments: borrowing FunctionArguments)
    /// Takes in what another one of the same function gathered.
    func merge(_ other: any AggregateState)
    /// The aggregate's value, asked for once.
    func finish() -> Int64
}

/// An aggregate of ours over all rows of a statement, which has no groups: whole numbers in, one whole number out.
public struct AggregateFunction: Sendable {
    public let name: String
    /// How many whole numbers it takes; NULLs mean nothing.
    public let arity: Int
    let make: @Sendable () -> any AggregateState

    public init(name: String, arity: Int, make: @escaping @Sendable () -> any AggregateState) {
        self.name = name
        self.arity = arity
        self.make = make
    }
}

extension Connection {
    /// Makes an aggregate known to the whole database, and so to every connection; a second time does nothing.
    public func register(_ function: AggregateFunction) throws(DuckDBError) {
        try database.once("\(function.name)/\(function.arity)") { () throws(DuckDBError) in
            try begin()
            defer { interrupter.endStatement() }
            try add(function)
        }
    }

    private func add(_ function: AggregateFunction) throws(DuckDBError) {
        // Handles are ours until the function returns; DuckDB copies what it keeps.
        var handle = unsafe duckdb_create_aggregate_function()
        var type = unsafe ColumnType.int64.makeHandle()
        defer {
            unsafe duckdb_destroy_aggregate_function(&handle)
            unsafe duckdb_destroy_logical_type(&type)
        }
        unsafe duckdb_aggregate_function_set_name(handle, function.name)
        for _ in 0..<function.arity { unsafe duckdb_aggregate_function_add_parameter(handle, type) }
        unsafe duckdb_aggregate_function_set_return_type(handle, type)
        // Retained for DuckDB, which releases it with the function.
        let box = unsafe Unmanaged.passRetained(AggregateBox(function)).toOpaque()
        unsafe duckdb_aggregate_function_set_extra_info(handle, box) { pointer in
            if let pointer = unsafe pointer { unsafe Unmanaged<AggregateBox>.fromOpaque(pointer).release() }
        }
        unsafe duckdb_aggregate_function_set_functions(
            handle, { _ in unsafe idx_t(MemoryLayout<UnsafeMutableRawPointer?>.size) },
            { _, state in unsafe clear(state) },
            { info, input, states in
                guard let pointer = unsafe duckdb_aggregate_function_get_extra_info(info),
                    unsafe duckdb_data_chunk_get_size(input) > 0
                else { return }
                // DuckDB holds the box for as long as it can call.
                let function = unsafe Unmanaged<AggregateBox>.fromOpaque(pointer).takeUnretainedValue().function
                let types = Array(repeating: ColumnType.int64, count: function.arity)
                // There are no groups, so that all rows have the state of the first.
                let state = unsafe gathered(states?[0], function.make)
                unsafe state?.add(FunctionArguments(input, types: types))
            },
            { _, sources, targets, count in
                for i in 0..<Int(count) { unsafe combine(sources?[i], into: targets?[i]) }
            },
            { _, states, result, count, offset in
                let data = unsafe duckdb_vector_get_data(result)
                for i in 0..<Int(count) {
                    let value = unsafe held(states?[i])?.finish() ?? 0
                    unsafe data?.storeBytes(of: value, toByteOffset: (Int(offset) + i) * 8, as: Int64.self)
                }
            })
        unsafe duckdb_aggregate_function_set_destructor(handle) { states, count in
            for i in 0..<Int(count) { unsafe release(states?[i]) }
        }
        guard unsafe duckdb_register_aggregate_function(self.handle, handle) == DuckDBSuccess else {
            throw DuckDBError(.usage, "DuckDB did not take the aggregate \(function.name); is the name in use?")
        }
    }
}

/// What DuckDB holds on to.
private final class AggregateBox: Sendable {
    let function: AggregateFunction
    init(_ function: AggregateFunction) { self.function = function }
}

/// What a state's memory points to: a class that is not generic, so that a pointer can be made an object again.
private final class StateBox {
    let state: any AggregateState
    init(_ state: any AggregateState) { self.state = state }
}

// A state's memory is DuckDB's and holds one pointer: none, or a box that the state owns until it is released or given away.

private func clear(_ state: duckdb_aggregate_state?) { unsafe state?.pointee = nil }

private func held(_ state: duckdb_aggregate_state?) -> (any AggregateState)? {
    guard let pointer = unsafe state?.pointee else { return nil }
    return unsafe Unmanaged<StateBox>.fromOpaque(pointer).takeUnretainedValue().state
}

private func gathered(
    _ state: duckdb_aggregate_state?, _ make: () -> any AggregateState
) -> (any AggregateState)? {
    guard let state = unsafe state else { return nil }
    if unsafe state.pointee == nil { unsafe state.pointee = Unmanaged.passRetained(StateBox(make())).toOpaque() }
    return unsafe held(state)
}

private func combine(_ source: duckdb_aggregate_state?, into target: duckdb_aggregate_state?) {
    guard let source = unsafe source, let target = unsafe target, let other = unsafe held(source) else { return }
    guard let state = unsafe held(target) else {
        // The target takes the box over.
        unsafe target.pointee = unsafe source.pointee
        unsafe source.pointee = nil
        return
    }
    state.merge(other)
}

private func release(_ state: duckdb_aggregate_state?) {
    guard let pointer = unsafe state?.pointee else { return }
    unsafe Unmanaged<StateBox>.fromOpaque(pointer).release()
    unsafe state?.pointee = nil
}
