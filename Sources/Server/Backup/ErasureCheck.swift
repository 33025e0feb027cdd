internal import EventStore
internal import Model

/// The one place where backups and erasures meet: a snapshot is made only of a project from which nobody is being erased, from
/// its beginning to its end. So it holds all of a person, and is known to be older than the erasure, or nothing.
struct ErasureCheck {
    /// A folder in a project's own with a file for each erasure that is not done.
    static let requests = "privacy"

    let project: String
    let directory: String
    let store: EventStore

    /// - Parameter epoch: how often people had been erased when the store was copied; nil before that.
    func run(epoch: Int64? = nil) async throws {
        let pending = Folder.names(directory + "/" + Self.requests).contains { $0.hasSuffix(".json") }
        guard !pending else {
            throw BackupError(
                .erasing, "people are being erased from the project \(project); run the backup again when that is done")
        }
        guard let epoch, try await store.erasureEpoch() != epoch else { return }
        throw BackupError(
            .erasing, "people were erased from the project \(project) while the backup was made; run it again")
    }
}
