internal import EventStore
internal import Model

/// The one place where backups and erasures meet: a snapshot is made only of a project from which nobody is being erased, from
/// its beginning to its end. So it holds all of a person, and is known to be older than the erasure, or nothing.
struct ErasureCheck {
    let project: String
    let directory: String
    let store: EventStore

    /// How long a backup waits before it begins.
    private static let patience = Duration.seconds(30)

    /// Returns once nobody is being erased; for a while it waits for that.
    func waitUntilNobodyIsErased() async throws {
        let clock = ContinuousClock()
        let end = clock.now + Self.patience
        while clock.now < end, try await Blocking.run({ [directory] in Self.isPending(directory) }) {
            try await Task.sleep(for: .milliseconds(200))
        }
        try await run()
    }

    /// There is a file for each erasure that is not done.
    private static func isPending(_ directory: String) -> Bool {
        Folder.names(ErasureRequest.folder(directory)).contains { $0.hasSuffix(".json") }
    }

    /// Throws if people are being erased; blocks.
    static func refusePending(_ project: String, _ directory: String) throws(BackupError) {
        guard isPending(directory) else { return }
        throw BackupError(
            .erasing, "people are being erased from the project \(project); run the backup again when that is done")
    }

    /// - Parameter epoch: how often people had been erased when the store was copied; nil before that.
    func run(epoch: Int64? = nil) async throws {
        try await Blocking.run { [project, directory] in try Self.refusePending(project, directory) }
        guard let epoch, store.erasureEpoch != epoch else { return }
        throw BackupError(
            .erasing, "people were erased from the project \(project) while the backup was made; run it again")
    }
}
