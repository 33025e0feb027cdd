internal import CPostgres
internal import Glibc
internal import Synchronization
internal import Threads

/// Lets another thread end what a connection waits for.
final class PostgresBrake: Sendable {
    private let socket = Mutex<(descriptor: Int32, isPulled: Bool)>((-1, false))
    /// What asks the server to end a statement; made and freed with the connection.
    private let cancel = Mutex<CancelHandle?>(nil)

    /// Whatever waits on the connection fails at once, and so does the next connection. The server is asked to give up, too: it
    /// would notice only when it next writes something.
    func pull() {
        let handle = cancel.withLock { handle -> CancelHandle? in
            defer { handle = nil }
            return handle
        }
        // Asking takes a connection of its own, for which nobody waits.
        if let handle { try? SystemThread.start { handle.ask() } }
        socket.withLock { state in
            state.isPulled = true
            if state.descriptor >= 0 { _ = shutdown(state.descriptor, Int32(SHUT_RDWR)) }
        }
    }

    var isPulled: Bool { socket.withLock { $0.isPulled } }

    func watch(_ descriptor: Int32, _ handle: CancelHandle? = nil) {
        cancel.withLock { $0 = handle }
        socket.withLock { state in
            state.descriptor = descriptor
            if state.isPulled, descriptor >= 0 { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }
}

/// Asks a server to end what a connection runs there.
@safe final class CancelHandle: Sendable {
    // A copy of what libpq needs for it, owned here alone; libpq lets any thread use it.
    private nonisolated(unsafe) let handle: OpaquePointer?

    init(_ connection: OpaquePointer) { unsafe handle = PQgetCancel(connection) }

    deinit { unsafe PQfreeCancel(handle) }

    func ask() {
        var reason = [CChar](repeating: 0, count: 256)
        // Within the buffer; what the server says to it does not matter.
        _ = unsafe PQcancel(handle, &reason, Int32(reason.count))
    }
}
