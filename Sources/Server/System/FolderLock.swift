internal import Glibc

/// Holds `DIR/lock`, so that two servers never share a folder. The system lets go of it when the process ends.
public final class FolderLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock, or fails at once if another process has it.
    public init(directory: String) throws(ServerError) {
        let path = directory + "/lock"
        let opened = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard opened >= 0 else {
            let reason = errno
            throw ServerError(.io, "cannot open \(path): \(errorText(reason))")
        }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            let reason = errno
            close(opened)
            guard reason == EWOULDBLOCK else { throw ServerError(.io, "cannot lock \(path): \(errorText(reason))") }
            throw ServerError(
                .locked,
                "another Sluice uses \(directory) (\(path) is locked); stop it, or talk to it with --server")
        }
        descriptor = opened
    }

    deinit { close(descriptor) }
}

/// What the system says about an error number.
func errorText(_ number: Int32) -> String { unsafe strerror(number).map { unsafe String(cString: $0) } ?? "\(number)" }
