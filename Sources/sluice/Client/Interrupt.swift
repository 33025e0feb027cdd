import UnixSignals

/// Ctrl-C, as an error that a command can clean up after.
struct Interrupted: Error {}

/// Runs a body until it ends or somebody presses Ctrl-C (or sends SIGTERM); then the body is cancelled, and `Interrupted`
/// is thrown once it has ended.
func interruptible<T: Sendable>(_ body: @escaping @Sendable () async throws -> T) async throws -> T {
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
    return try await withThrowingTaskGroup(of: T?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            for await _ in signals { return nil }
            return nil
        }
        defer { group.cancelAll() }
        guard let first = try await group.next() else { throw Interrupted() }
        if let value = first { return value }
        group.cancelAll()
        // The body may have ended in the same moment: then its result counts.
        do { if let second = try await group.next(), let value = second { return value } } catch {}
        throw Interrupted()
    }
}
