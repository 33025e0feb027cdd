internal import Glibc

/// The folder in which the engine puts aside what does not fit its memory: in clear, also of exports that are encrypted. It removes a
/// file once nothing in it is needed; after a crash they are there until the next start.
///
/// The engine could encrypt them with `temp_file_encryption`, but only by the cryptography of its extension `httpfs`: what it has built in
/// makes keys that can be guessed, and refuses to write.
enum SpillFolder {
    /// The folder beside a store's file.
    static func path(of store: String) -> String { store + ".tmp" }

    /// Empties it of what a crash left, and keeps it from everybody but its owner: the engine would make it for all to read.
    static func prepare(of store: String) throws(StoreError) {
        let path = path(of: store)
        if unsafe mkdir(path, 0o700) == 0 { return }
        // One that an earlier version left.
        guard errno == EEXIST, unsafe chmod(path, 0o700) == 0 else { throw ColdFolder.error("make private", path) }
        guard let folder = unsafe opendir(path) else { throw ColdFolder.error("read", path) }
        defer { unsafe _ = closedir(folder) }
        while let entry = unsafe readdir(folder) {
            // The entry is valid until the next call; its name ends in NUL.
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name != ".", name != ".." else { continue }
            guard unsafe unlink(path + "/" + name) == 0 || errno == ENOENT else {
                throw ColdFolder.error("remove", path + "/" + name)
            }
        }
    }
}
