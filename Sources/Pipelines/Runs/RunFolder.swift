internal import Glibc
internal import Model

/// The folders in which the files of runs lie until they are loaded.
enum RunFolder {
    /// Makes a run's folder below that of all pipelines, and empties it. Blocks.
    static func make(_ base: String, _ folder: String) throws(PipelineError) {
        var at = base
        // What lies elsewhere is not for emptying.
        guard !PathText.hasDots(folder) else { throw PipelineError(.files, "\(folder) is no folder of a run") }
        try make(at)
        for part in PathText.steps(String(folder.dropFirst(base.count))) {
            at += "/" + part
            try make(at)
        }
        for name in names(folder) where unsafe unlink(folder + "/" + name) != 0 { remove(folder + "/" + name) }
    }

    /// Moves a file out of a run's folder, to be kept. Blocks.
    static func keep(_ file: String, in folder: String, as name: String) throws(PipelineError) {
        try make(folder)
        guard unsafe rename(file, folder + "/" + name) == 0 else { throw failure("move", file) }
    }

    /// A folder beside a file, named after an export, and what it lies in.
    static func beside(_ path: String, _ export: String) -> (base: String, folder: String) {
        let base = path.utf8.lastIndex(of: 0x2f).map { String(decoding: path.utf8[...$0], as: UTF8.self) } ?? ""
        return (base, "\(base).\(export).partial")
    }

    /// Has a file be in a run's folder, too. Blocks.
    static func link(_ file: String, as name: String) throws(PipelineError) {
        guard unsafe Glibc.link(file, name) == 0 else { throw failure("link", file) }
    }

    /// Puts a file in another one's place, durably, for whoever may read that one. Blocks.
    static func replace(_ file: String, by new: String) throws(PipelineError) {
        var found = stat()
        guard unsafe stat(file, &found) == 0 else { throw failure("look at", file) }
        let descriptor = unsafe open(new, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", new) }
        defer { close(descriptor) }
        guard fchmod(descriptor, found.st_mode & 0o7777) == 0, fsync(descriptor) == 0 else {
            throw failure("sync", new)
        }
        guard unsafe rename(new, file) == 0 else { throw failure("rename", new) }
        let place = unsafe open(beside(file, "").base, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard place >= 0 else { throw failure("open the folder of", file) }
        defer { close(place) }
        guard fsync(place) == 0 else { throw failure("sync the folder of", file) }
    }

    /// Removes a folder with everything in it; nothing if it is not there. Blocks.
    static func remove(_ folder: String) {
        for name in names(folder) where unsafe unlink(folder + "/" + name) != 0 { remove(folder + "/" + name) }
        _ = unsafe rmdir(folder)
    }

    /// Removes a file; nothing if it is not there. Blocks.
    static func remove(file: String) { _ = unsafe unlink(file) }

    private static func make(_ path: String) throws(PipelineError) {
        guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failure("make the folder", path) }
    }

    static func names(_ path: String) -> [String] {
        guard let folder = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            // The name is a C array inside the entry, which lives until the next call.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    static func failure(_ action: String, _ path: String) -> PipelineError {
        let number = errno
        // strerror's text is copied at once.
        let reason = unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
        return PipelineError(
            .files, "cannot \(action) \(path): \(reason)", isTransient: number == ENOSPC || number == EDQUOT)
    }
}
