internal import DuckDB

/// The engine with the hot file open, and the store's connections to it.
struct StoreLanes: Sendable {
    let database: Database
    let writer: Lane
    let readers: LanePool
    let exports: LanePool
    /// For questions about everybody.
    let questions: LanePool
    let compactor: Lane
    /// For the table of people.
    let people: Lane

    static func database(_ path: String, _ settings: StoreSettings) throws(DuckDBError) -> Database {
        try Database(
            path: path,
            settings: [
                "memory_limit": settings.memoryLimit, "threads": String(settings.threads),
                "checkpoint_threshold": settings.checkpointThreshold, "preserve_insertion_order": "true",
                "temp_directory": SpillFolder.path(of: path),
            ], niceness: settings.niceness)
    }

    init(_ database: Database, _ settings: StoreSettings) throws(DuckDBError) {
        let setUp: @Sendable (Connection) throws(DuckDBError) -> Void = { connection throws(DuckDBError) in
            try StoreFunctions.register(on: connection)
            try TokenFunctions.register(on: connection)
        }
        self.database = database
        writer = try Lane(database: database, name: "writer", niceness: settings.niceness, setUp: setUp)
        readers = try LanePool(
            database: database, name: "readers", lanes: settings.threads, waiting: settings.readersWaiting,
            setUp: setUp)
        exports = try LanePool(
            database: database, name: "exports", lanes: settings.exportLanes, waiting: settings.exportsWaiting,
            setUp: setUp)
        questions = try LanePool(
            database: database, name: "questions", lanes: settings.questionLanes, waiting: settings.questionsWaiting,
            niceness: settings.niceness, setUp: setUp)
        compactor = try Lane(database: database, name: "compactor", niceness: settings.compactorNiceness)
        people = try Lane(
            database: database, name: "people", niceness: settings.compactorNiceness, setUp: setUp)
    }

    /// Closes the connections after the jobs that run.
    func close() async {
        await readers.close()
        await exports.close()
        await questions.close()
        await compactor.close()
        await people.close()
        await writer.close()
    }
}
