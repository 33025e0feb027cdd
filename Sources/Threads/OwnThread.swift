/// Runs calls that block for long, such as a load into a database, on a thread of its own that ends with them.
public enum OwnThread {
    /// Runs `body` and gives back what it gives back, or throws what it throws.
    ///
    /// A call that blocks does not hear of the task's cancellation: whoever lends it something to wait for ends that.
    public static func run<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<T, any Error>) in
            do {
                try SystemThread.start { continuation.resume(with: Result(catching: body)) }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }
}
