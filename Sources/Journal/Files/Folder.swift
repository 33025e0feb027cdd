internal import Glibc

/// Reading of files and folders; it goes past the seam, since no fault of reading is injected.
enum Folder {
    /// Makes the folder and those above it; an existing one is fine.
    static func make(_ path: String) throws(FileError) {
        var made = path.utf8.first == UInt8(ascii: "/") ? "" : "."
        for part in path.split(separator: "/") {
            made += "/" + part
            // The path is lent as a C string for the call, here and below.
            let code = unsafe mkdir(made, 0o700)
            if code != 0, errno != EEXIST { throw FileError(number: errno, call: "mkdir", path: made) }
        }
    }

    /// The names in the folder, in no order.
    static func names(_ path: String) throws(FileError) -> [String] {
        guard let stream = unsafe opendir(path) else { throw FileError(number: errno, call: "opendir", path: path) }
        defer { unsafe _ = closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            // The name ends with a NUL within the entry, which lives until the next readdir.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    static func size(_ descriptor: Int32) throws(FileError) -> Int64 {
        var info = stat()
        // The call fills the structure that it is lent.
        guard unsafe fstat(descriptor, &info) == 0 else { throw FileError(number: errno, call: "fstat") }
        return Int64(info.st_size)
    }

    /// How many names an open file has.
    static func links(_ descriptor: Int32) throws(FileError) -> Int {
        var info = stat()
        // The call fills the structure that it is lent.
        guard unsafe fstat(descriptor, &info) == 0 else { throw FileError(number: errno, call: "fstat") }
        return Int(info.st_nlink)
    }

    static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    /// Reads into `buffer` from its start and returns how many bytes there were, up to `count`.
    static func read(
        _ descriptor: Int32, into buffer: inout [UInt8], count: Int, at offset: Int64
    ) throws(FileError) -> Int {
        precondition(count <= buffer.count)
        var done = 0
        while done < count {
            // In bounds: `count` is at most the buffer's.
            let got = unsafe buffer.withUnsafeMutableBytes {
                unsafe pread(descriptor, $0.baseAddress.map { unsafe $0 + done }, count - done, off_t(offset) + done)
            }
            if got == 0 { break }
            if got > 0 {
                done += got
            } else if errno != EINTR {
                throw FileError(number: errno, call: "read")
            }
        }
        return done
    }
}
