internal import Glibc
internal import Synchronization

/// The system gave no thread.
public struct ThreadError: Error, CustomStringConvertible {
    /// The system's error number.
    public let number: Int32

    public var description: String { "the system gives no further thread (error \(number))" }
}

/// Threads of the operating system, for work that blocks and so must not run on Swift's pool.
public enum SystemThread {
    private final class Box {
        let niceness: Int32
        let body: () -> Void
        init(_ niceness: Int32, _ body: @escaping () -> Void) { (self.niceness, self.body) = (niceness, body) }
    }

    /// Starts a detached thread that runs `body` once.
    ///
    /// - Parameter niceness: what is added to the process's own: with 10 the thread, and those that it starts itself, get a
    ///   tenth of a contested processor.
    public static func start(niceness: Int32 = 0, _ body: sending @escaping () -> Void) throws(ThreadError) {
        var thread = pthread_t()
        let box = unsafe Unmanaged.passRetained(Box(niceness, body))
        // The box is retained here and released by the thread, which alone uses it from then on.
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let box = unsafe Unmanaged<Box>.fromOpaque(argument).takeRetainedValue()
                // Linux keeps the niceness a thread; 0 means the one that calls. Standing back is always allowed.
                let which = __priority_which_t(PRIO_PROCESS.rawValue)
                if box.niceness > 0 { _ = setpriority(which, 0, getpriority(which, 0) + box.niceness) }
                box.body()
                return nil
            }, box.toOpaque())
        guard code == 0 else {
            unsafe box.release()
            throw ThreadError(number: code)
        }
        pthread_detach(thread)
    }

    /// Runs `body` on such a thread and blocks until it has ended.
    public static func run<T: Sendable>(
        niceness: Int32, _ body: @escaping @Sendable () -> T
    ) throws(ThreadError) -> T {
        let outcome = Outcome<T>()
        try start(niceness: niceness) {
            outcome.value.withLock { $0 = body() }
            outcome.done.post()
        }
        outcome.done.wait()
        guard let value = outcome.value.withLock({ $0 }) else { fatalError("the thread ended without a result") }
        return value
    }

    private final class Outcome<T: Sendable>: Sendable {
        let value = Mutex<T?>(nil)
        let done = SystemSemaphore()
    }
}
