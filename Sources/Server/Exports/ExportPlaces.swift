internal import Control
internal import Synchronization

/// Where exports write. What a run that was cut off left there is removed, and never under a run that is at work.
final class ExportPlaces: Sendable {
    private let directory: String
    /// The exports whose runs write now.
    private let atWork = Mutex<Set<String>>([])

    /// - Parameter directory: the data folder.
    init(directory: String) { self.directory = directory }

    /// The folder of an export's files.
    func folder(_ record: ExportRecord) -> String {
        if let out = record.outPath { return FilePlace(path: out).folder }
        return directory + "/projects/" + record.project + "/exports/" + record.id
    }

    /// Begins a run, as if none had been before: an own folder is made empty. Blocks.
    func begin(_ record: ExportRecord) throws(ServerError) {
        try atWork.withLock { (ids) throws(ServerError) in
            _ = remove(record)
            if record.outPath == nil {
                let folder = folder(record)
                try Folder.make(FilePlace(path: folder).folder)
                try Folder.make(folder)
            }
            ids.insert(record.id)
        }
    }

    func end(_ record: ExportRecord) { atWork.withLock { _ = $0.remove(record.id) } }

    /// Removes an own folder, or what has a temporary name beside the file that was asked for; nothing while a run is at work:
    /// it began anew. Blocks.
    ///
    /// - Returns: whether something was there, and whether it is gone.
    func clear(_ record: ExportRecord) -> (found: Bool, isGone: Bool) {
        atWork.withLock { $0.contains(record.id) ? (false, true) : remove(record) }
    }

    private func remove(_ record: ExportRecord) -> (found: Bool, isGone: Bool) {
        let folder = folder(record)
        guard record.outPath != nil else {
            guard PrivateFile.exists(folder) else { return (false, true) }
            Folder.remove(folder)
            return (true, !PrivateFile.exists(folder))
        }
        let partial = Folder.names(folder).filter { $0.hasPrefix(".") && $0.hasSuffix(".\(record.id).partial") }
            .map { folder + "/" + $0 }
        // One that cannot be removed says so by being there.
        for path in partial { try? PrivateFile.remove(path) }
        return (!partial.isEmpty, !partial.contains(where: PrivateFile.exists))
    }
}
