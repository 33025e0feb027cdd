internal import Glibc

/// Lets nobody but its owner read or write a file; makes it if it is not there.
func restrictToOwner(_ path: String) {
    // What fails here fails again, with a reason, when SQLite opens the file.
    let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return }
    fchmod(descriptor, 0o600)
    close(descriptor)
}
