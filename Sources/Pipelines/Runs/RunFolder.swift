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
