internal import EventStore
internal import Model

/// The one place where backups and erasures meet: a snapshot is made only of a project from which nobody is being erased, from
/// its beginning to its end. So it holds all of a person, and is known to be older than the erasure, or nothing.
struct ErasureCheck {
    let project: String
    let directory: String
    let store: EventStore

    /// - Parameter epoch: how often people had been erased when the store was copied; nil before that.
    func run(epoch: Int64? = nil) async throws {
        // There is a file for each one that is not done.
        let requests = ErasureRequest.folder(directory)
        let isPending = try await Blocking.run { Folder.names(requests).contains { $0.hasSuffix(".json") } }
        guard !isPending else {
            throw BackupError(
                .erasing, "people are being erased from the project \(project); run the backup again when that is done")
        }
        guard let epoch, store.erasureEpoch != epoch else { return }
        throw BackupError(
            .erasing, "people were erased from the project \(project) while the backup was made; run it again")
    }
}
