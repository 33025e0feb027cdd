internal import Glibc

/// The calls that change files, as the journal makes them; tests put failing ones in their place.
///
/// All of them block. Descriptors are the operating system's.
public protocol JournalFiles: Sendable {
    func open(_ path: String, _ access: FileAccess) throws(FileError) -> Int32
    /// Writes all of `bytes`, or throws after having written some of them.
    func write(_ bytes: Span<UInt8>, to descriptor: Int32, at offset: Int64) throws(FileError)
    /// Returns when the file's bytes and its length are on disk.
    func synchronizeData(_ descriptor: Int32) throws(FileError)
    /// Returns when the folder's entries are on disk.
    func synchronizeDirectory(_ path: String) throws(FileError)
    func truncate(_ descriptor: Int32, to length: Int64) throws(FileError)
    func rename(_ path: String, to newPath: String) throws(FileError)
    func unlink(_ path: String) throws(FileError)
    func close(_ descriptor: Int32)
}

/// What a file is opened for.
public enum FileAccess: Sendable {
    case read
    case readWrite
    /// Makes the file and fails if it is there.
    case create
}

/// A call of the operating system that failed.
public struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The system's error number.
    public let number: Int32
    public let call: String
    public let path: String?

    public init(number: Int32, call: String, path: String? = nil) {
        self.number = number
        self.call = call
        self.path = path
    }

    /// Whether the disk, or the user's share of it, has no room.
    public var isFull: Bool { number == ENOSPC || number == EDQUOT }

    public var description: String {
        // The text belongs to the C library and is copied at once.
        let text = unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
        return path.map { "\(call) of \($0) failed: \(text)" } ?? "\(call) failed: \(text)"
    }
}
