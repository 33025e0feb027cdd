internal import Glibc
internal import Model

/// Whether something is at the path.
func fileExists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

/// Makes a folder that only its owner can enter, and those above it that are missing.
func makeFolder(_ path: String) throws(ControlError) {
    if unsafe mkdir(path, 0o700) == 0 || errno == EEXIST { return }
    if errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex {
        try makeFolder(String(path[..<slash]))
        if unsafe mkdir(path, 0o700) == 0 || errno == EEXIST { return }
    }
    let reason = errno
    throw ControlError(.io, "cannot make the folder \(path): \(errorText(reason))")
}

/// Lets nobody but its owner read or write a file; makes it if it is not there.
func restrictToOwner(_ path: String) {
    // What fails here fails again, with a reason, when SQLite opens the file.
    let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return }
    fchmod(descriptor, 0o600)
    close(descriptor)
}

/// What the system says about an error number.
func errorText(_ number: Int32) -> String { unsafe strerror(number).map { unsafe String(cString: $0) } ?? "\(number)" }

extension Timestamp {
    /// The system's clock.
    static func systemNow() -> Timestamp {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }
}
