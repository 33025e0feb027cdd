import Glibc
import Server

/// A data folder on this machine.
struct DataFolder: Sendable {
    /// Its absolute path, so that a server in another folder means the same one.
    let path: String

    /// - Throws: `Failure` if there is no such folder.
    init(_ path: String) throws {
        guard let real = Self.realPath(path) else {
            throw Failure(.failed, "--data \(path): \(systemReason()); make one with: sluice init --data \(path)")
        }
        self.path = real
    }

    var socket: String { ServerConfiguration.socketPath(in: path) }

    /// Whether a server answers at the folder's socket. A socket that a killed server left behind refuses.
    var hasLiveServer: Bool {
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(socket.utf8)
        // sun_path is a C array: the path must fit with its closing zero.
        let fits = unsafe withUnsafeMutableBytes(of: &address.sun_path) { room in
            guard bytes.count < room.count else { return false }
            unsafe room.copyBytes(from: bytes)
            return true
        }
        guard fits else { return false }
        // connect reads the struct during the call only.
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
    }

    /// A path from the root, so that another process means the same place; it need not be there.
    static func absolutePath(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        return (realPath(".") ?? "") + "/" + path
    }

    /// The path without links and dots; nil if nothing is there.
    static func realPath(_ path: String) -> String? {
        // realpath's buffer is ours to free.
        guard let resolved = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }
}
