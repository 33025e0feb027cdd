internal import GRDB

extension ControlStore {
    /// How often the log is tried to be emptied while others read.
    private static let scrubAttempts = 10

    /// Makes the bytes of what was deleted or replaced leave the database's files.
    ///
    /// `secure_delete` overwrites rows with zeros as they go, but a log keeps pages as they were, and an earlier version
    /// deleted without it. So the file is made anew from what it holds, and the log is cut to nothing.
    ///
    /// - Throws: `.database`, transient, if somebody read an older state all the time: call it again.
    public func scrub() async throws(ControlError) {
        try await writeOutsideTransaction { db in try db.execute(sql: "VACUUM") }
        for attempt in 1... {
            do throws(ControlError) {
                // The log shrinks when nobody reads in it any more; SQLite waits for them up to its time limit.
                return try await writeOutsideTransaction { db in _ = try db.checkpoint(.truncate) }
            } catch {
                guard error.isTransient, attempt < Self.scrubAttempts else { throw error }
            }
        }
    }
}
