internal import DuckDB
internal import Model
internal import Synchronization

extension EventStore {
    /// Asks for a full compaction: everything hot becomes cold, and each month one run of files. Returns its number.
    public func requestCompaction() -> Int64 { compaction.request() }

    /// How far such a compaction is; nil if there never was one of that number.
    public func compactionStatus(_ number: Int64) -> CompactionStatus? { compaction.status(of: number) }

    /// A folder for files without a name; what a crash leaves in it is removed at the next start.
    public var scratchFolder: String { folder.path }

    /// Where rows lie now.
    public var layout: Layout { layouts.current }

    // MARK: Steps of the compactor

    /// Ends the generation that is written to, if it has rows.
    func seal() async throws {
        try await writing { connection in
            let active = self.layouts.current.active
            if try Generations.rows(active, connection) > 0 { try self.rotate(connection) }
        }
    }

    /// Begins a new generation; on the writer's lane.
    func rotate(_ connection: Connection) throws {
        let layout = layouts.current
        let next = layout.active + 1
        try connection.transaction { connection in try Generations.add(next, connection) }
        layouts.publish(layout.next(generations: layout.generations + [next]))
        activeRows.store(0, ordering: .relaxed)
        compaction.wake()
    }

    /// Runs a step that makes files, on the compactor's lane.
    ///
    /// - Parameter isRemoving: whether it is the removal itself that asks, for which the others make way.
    func compacting(
        isRemoving: Bool = false, _ body: @Sendable (ColdMerge) throws -> [ColdFile]
    ) async throws -> [ColdFile] {
        let folder = folder
        let firstID = try await writing { connection in
            // Numbers are never used again, so that a name never means two files.
            let found = try connection.row("SELECT value FROM state WHERE key = 'last_cold_id'")?[0].int ?? 0
            let used = max(found, self.layouts.current.files.map(\.id).max() ?? 0)
            // More than any step makes; the rest stays unused.
            try connection.execute("UPDATE state SET value = \(used + 10_000) WHERE key = 'last_cold_id'")
            return used + 1
        }
        let months = Set(layouts.current.files.compactMap(\.month))
        return try await compactor { [settings] connection in
            let merge = ColdMerge(
                connection: connection, folder: folder, firstID: firstID, monthRows: settings.monthRows,
                months: months, partRows: settings.partRows, makesWay: { [gate] in !isRemoving && gate.isShut(.merge) })
            let made = try body(merge)
            var attached: [ColdFile] = []
            do {
                for file in made {
                    try folder.attach(file, connection)
                    attached.append(file)
                }
            } catch {
                for file in attached { try? connection.execute("DETACH \(file.catalog)") }
                for file in made { try? folder.remove(folder.path(of: file)) }
                throw error
            }
            return made
        }
    }

    /// Names the files in place of a generation.
    func exchange(generation: Int64, for made: [ColdFile]) async throws {
        try await writing { connection in
            try connection.transaction { connection in
                let gone = try connection.execute("DELETE FROM generations WHERE id = $1", [.int(generation)])
                guard gone == 1 else { throw Self.unnamed("generation \(generation)") }
                for file in made { try ColdCatalogue.add(file, connection) }
            }
            let layout = self.layouts.current
            self.layouts.publish(
                layout.next(generations: layout.generations.filter { $0 != generation }, files: layout.files + made),
                retiring: [.generation(generation)])
        }
    }

    /// Names files in place of others.
    func exchange(_ old: [ColdFile], for made: [ColdFile]) async throws {
        try await writing { connection in
            try connection.transaction { connection in
                for file in old {
                    guard try ColdCatalogue.remove(file, connection) else { throw Self.unnamed(file.name) }
                }
                for file in made { try ColdCatalogue.add(file, connection) }
            }
            let layout = self.layouts.current
            let gone = Set(old.map(\.id))
            self.layouts.publish(
                layout.next(files: layout.files.filter { !gone.contains($0.id) } + made),
                retiring: old.map { .file($0) })
        }
    }

    /// A switch away from something that is not there any more: its rows would be there twice.
    private static func unnamed(_ what: String) -> StoreError {
        StoreError(
            .damaged, "The catalogue does not name \(what), which was made into cold files: restart the server.")
    }

    /// The files that the catalogue names.
    func namedFiles() async throws -> Set<Int64> {
        try await writing { connection in Set(try ColdCatalogue.read(connection).map(\.id)) }
    }

    /// Removes what no layout names any more.
    func remove(_ retired: LayoutBook.Retired) async throws {
        switch retired {
        case .generation(let number): try await writing { connection in try Generations.drop(number, connection) }
        case .file(let file):
            // The bytes go in any case; the engine may have closed the file before.
            defer { try? folder.remove(folder.path(of: file)) }
            try await writing { connection in
                try connection.execute("DETACH DATABASE IF EXISTS \(file.catalog)")
            }
            try folder.remove(folder.path(of: file))
        }
    }
}
