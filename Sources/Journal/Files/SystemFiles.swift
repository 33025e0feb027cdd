internal import Glibc

/// The operating system's calls.
public struct SystemFiles: JournalFiles {
    public init() {}

    public func open(_ path: String, _ access: FileAccess) throws(FileError) -> Int32 {
        let flags =
            switch access {
            case .read: O_RDONLY
            case .readWrite: O_RDWR
            case .create: O_RDWR | O_CREAT | O_EXCL
            }
        // Events are personal data: nobody else may read them. The path is lent for the call, here and below.
        let descriptor = unsafe Glibc.open(path, flags | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError(number: errno, call: "open", path: path) }
        return descriptor
    }

    public func write(_ bytes: Span<UInt8>, to descriptor: Int32, at offset: Int64) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let rest = bytes.extracting(done...)
            // The pointer is used within the call.
            let count = unsafe rest.withUnsafeBufferPointer {
                unsafe pwrite(descriptor, $0.baseAddress, $0.count, off_t(offset) + done)
            }
            if count > 0 {
                done += count
            } else if errno != EINTR {
                throw FileError(number: errno, call: "write")
            }
        }
    }

    public func synchronizeData(_ descriptor: Int32) throws(FileError) {
        guard fdatasync(descriptor) == 0 else { throw FileError(number: errno, call: "fdatasync") }
    }

    public func synchronizeDirectory(_ path: String) throws(FileError) {
        let descriptor = try open(path, .read)
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw FileError(number: errno, call: "fsync", path: path) }
    }

    public func truncate(_ descriptor: Int32, to length: Int64) throws(FileError) {
        guard ftruncate(descriptor, off_t(length)) == 0 else { throw FileError(number: errno, call: "ftruncate") }
    }

    public func rename(_ path: String, to newPath: String) throws(FileError) {
        guard unsafe Glibc.rename(path, newPath) == 0 else {
            throw FileError(number: errno, call: "rename", path: path)
        }
    }

    public func unlink(_ path: String) throws(FileError) {
        guard unsafe Glibc.unlink(path) == 0 else { throw FileError(number: errno, call: "unlink", path: path) }
    }

    public func close(_ descriptor: Int32) { _ = Glibc.close(descriptor) }
}
