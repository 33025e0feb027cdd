internal import DuckDB
internal import Logging
internal import Synchronization

/// Another file in the place of the store's, and its end.
extension EventStore {
    /// Closes the file, has `replace` put another one in its place, and opens that one. Nobody may be inside; whoever comes
    /// meanwhile waits at the gate.
    ///
    /// - Throws: what `replace` throws, and the old file is open again; if no file can be opened, the store is closed.
    func reopening(_ replace: @Sendable () throws -> Void) async throws {
        weak let database = try opened().database
        try await closeFile()
        let failure: StoreError?
        do {
            // With the old file open, its log could take the place of the new one's.
            guard database == nil else { throw StoreError(.files, "The store's file is still in use.") }
            try replace()
            failure = nil
        } catch {
            failure = StoreError(error)
        }
        let files = layouts.current.files
        let opened = try StoreLanes.database(path, settings)
        let connection = try opened.connect()
        for file in files { try folder.attach(file, connection) }
        try ties.load(connection)
        recent.forget()
        lookups.forget()
        activeRows.store(try Generations.rows(layouts.current.active, connection), ordering: .relaxed)
        let lanes = try StoreLanes(opened, settings)
        self.lanes.withLock { $0 = lanes }
        if let failure { throw failure }
    }

    /// Closes the file; in a function of its own, so that nothing of it is held on the way.
    private func closeFile() async throws {
        try await opened().writer.run { connection in try connection.execute("CHECKPOINT") }
        if let lanes = lanes.withLock({ $0.take() }) { await lanes.close() }
    }

    /// Waits for the reads that run, moves the write-ahead log into the file, so that the next start is quick, and closes
    /// the file. End the applier and cancel exports first.
    ///
    /// - Throws: the engine's error; the file is closed all the same, and nothing is lost: the log stays.
    public func close() async throws(StoreError) {
        guard let lanes = lanes.withLock({ $0.take() }) else { return }
        await lanes.readers.close()
        await lanes.exports.close()
        await lanes.questions.close()
        await lanes.compactor.close()
        await lanes.people.close()
        let failure = await Self.checkpoint(lanes.writer, folder)
        await lanes.writer.close()
        if let failure {
            logger.error("The store closed without a checkpoint.", metadata: ["reason": "\(failure.message)"])
            throw failure
        }
    }

    private static func checkpoint(_ writer: Lane, _ folder: ColdFolder) async -> StoreError? {
        do {
            try await writer.run { connection in
                try connection.execute("CHECKPOINT")
                // What was replaced and still read, or not yet removed when the compactor ended.
                try folder.tidy(keeping: try ColdCatalogue.read(connection), isNew: false, lastID: .max)
            }
            return nil
        } catch {
            return StoreError(error)
        }
    }
}
