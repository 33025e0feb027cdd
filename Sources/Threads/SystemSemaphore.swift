internal import Glibc

/// A counting semaphore that a thread sleeps on.
@safe public final class SystemSemaphore: Sendable {
    // The kernel and the C library guard the semaphore themselves; its address does not change.
    private nonisolated(unsafe) let semaphore: UnsafeMutablePointer<sem_t>

    public init() {
        unsafe semaphore = .allocate(capacity: 1)
        unsafe sem_init(semaphore, 0, 0)
    }

    deinit {
        unsafe sem_destroy(semaphore)
        unsafe semaphore.deallocate()
    }

    /// Lets one that waits go on, or the next that would.
    public func post() { unsafe sem_post(semaphore) }

    /// Blocks until somebody posts.
    public func wait() {
        while unsafe sem_wait(semaphore) != 0 {}
    }
}
