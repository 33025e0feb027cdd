internal import Journal

extension BackupRun {
    /// How often the list of ids may change while they are linked, which takes a moment.
    private static let attempts = 20

    /// Takes in what the project's journal has now, and returns the last `seq` of it.
    func addJournal(_ runtime: ProjectRuntime, _ writer: SnapshotWriter) async throws -> Int64 {
        let from = runtime.directory + "/" + ProjectRuntime.journalFolder + "/"
        let to = "projects/" + runtime.name + "/" + ProjectRuntime.journalFolder + "/"
        for _ in 0..<Self.attempts {
            let parts = runtime.journal.parts(for: Self.follower)
            let isWhole = try await quietly {
                guard try Self.addIDs(parts, from, to, writer) else {
                    writer.drop(to + JournalParts.idFolder)
                    return false
                }
                try Self.addSegments(parts, from, to, writer)
                return true
            }
            if isWhole { return parts.lastSeq }
        }
        throw BackupError(.files, "the files in \(from + JournalParts.idFolder) do not stay; try again")
    }

    /// False if one has gone meanwhile: it was merged with others, or has become too old. Without it there could be a gap.
    private static func addIDs(
        _ parts: JournalParts, _ from: String, _ to: String, _ writer: SnapshotWriter
    ) throws(BackupError) -> Bool {
        for file in parts.ids {
            guard try writer.place(from + file.name, as: to + file.name) else { return false }
        }
        return true
    }

    private static func addSegments(
        _ parts: JournalParts, _ from: String, _ to: String, _ writer: SnapshotWriter
    ) throws(BackupError) {
        for file in parts.segments {
            if let bytes = file.bytes {
                try writer.copy(from + file.name, as: to + file.name, bytes: bytes)
            } else if try !writer.place(from + file.name, as: to + file.name) {
                throw BackupError(.files, "the journal's file \(from + file.name) is missing")
            }
        }
    }
}
