internal import Glibc

/// A thread of the operating system, for work that blocks and so must not run on Swift's pool.
enum Worker {
    /// Starts a detached thread that runs `body` once.
    static func start(_ body: sending @escaping () -> Void) throws(JournalError) {
        var thread = pthread_t()
        let box = unsafe Unmanaged.passRetained(Box(body))
        // The box is retained here and released by the thread, which alone uses it from then on.
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                if let argument = unsafe argument {
                    unsafe Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
                }
                return nil
            }, box.toOpaque())
        guard code == 0 else {
            unsafe box.release()
            throw JournalError(.io, "A thread for the journal could not be started (error \(code)).")
        }
        pthread_detach(thread)
    }

    /// Lets the other threads of the process go first from now on, where processors are few.
    static func standBack() {
        // Linux keeps the niceness a thread; 0 means the one that calls.
        _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
    }

    private final class Box {
        let body: () -> Void
        init(_ body: @escaping () -> Void) { self.body = body }
    }
}

/// A counting semaphore that a thread sleeps on.
@safe final class Signal: Sendable {
    // The kernel and the C library guard the semaphore themselves; its address does not change.
    private nonisolated(unsafe) let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        unsafe semaphore = .allocate(capacity: 1)
        unsafe sem_init(semaphore, 0, 0)
    }

    deinit {
        unsafe sem_destroy(semaphore)
        unsafe semaphore.deallocate()
    }

    func post() { unsafe sem_post(semaphore) }

    func wait() {
        while unsafe sem_wait(semaphore) != 0 {}
    }
}
