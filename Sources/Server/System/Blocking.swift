internal import Dispatch

/// Runs calls that block (opening stores, reading folders) on threads of their own, never on Swift's shared pool.
enum Blocking {
    private static let queue = DispatchQueue(label: "sluice.blocking", attributes: .concurrent)

    static func run<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result(catching: body)) }
        }
    }
}
