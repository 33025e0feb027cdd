internal import DuckDB
internal import Model
internal import Synchronization

/// Takes rows out of every file of a store: cold files first, each made anew without them, then the hot file.
///
/// Compaction and exports wait meanwhile, the applier and readers only while the hot file is replaced. A crash at any moment
/// leaves a whole store, some files with the rows and some without; the same removal again finishes.
struct StoreRemoval: Sendable {
    let store: EventStore
    let removal: Removal
    /// Whether an attempt before may have done a part of it.
    let isContinued: Bool
    /// Whether a reject's input goes with the rows.
    let rejects: @Sendable (_ raw: String) -> Bool
    /// Is told what goes before it goes, and again when more is known.
    let noting: @Sendable (RemovedItems) async throws -> Void

    func run() async throws -> [RemovedCopy] {
        try await store.gate.shutting(.merge) {
            try await store.gate.shutting(.long) {
                let items = try await self.cold()
                let hot = try await self.hot(items)
                // Where nothing goes, nothing changes.
                if !isContinued, items.copies.isEmpty, hot.copies.allSatisfy({ $0.rows == 0 }) {
                    return hot.copies.map { RemovedCopy(kind: $0.kind, name: $0.name, rows: 0, verified: true) }
                }
                try await raiseEpoch(hot.items)
                try await noting(items)
                // A step of the keeper that began before must not say of the rows that are left that it has seen them.
                store.people.disturb()
                let made = try await rewriteCold(items.copies)
                await store.layouts.settle()
                try await removeRetired()
                let removed = try await rewriteHot(items, isConcerned: isContinued || !made.isEmpty)
                return try await verify(made) + removed
            }
        }
    }

    /// Runs on the compactor's connection, which nobody else uses now, with the layout of now.
    private func onLane<T: Sendable>(_ body: @Sendable (Connection, Layout) throws -> T) async throws -> T {
        let layout = store.layouts.pin()
        defer { store.layouts.unpin(layout) }
        return try await store.compactor { connection in
            try layout.show(on: connection)
            try removal.prepare(connection)
            return try body(connection, layout)
        }
    }

    /// Appends the numbers of rows that go.
    private func addSeqs(
        _ table: String, _ source: String, rejects: [Int64] = [], to seqs: inout [Int64], _ connection: Connection
    ) throws -> Int64 {
        guard let goes = removal.condition(table, rejects: rejects) else { return 0 }
        let column = table == "identities" ? "first_seq" : "seq"
        let rows = try connection.query("SELECT \(column) FROM \(source) WHERE \(goes)")
        var count: Int64 = 0
        while let chunk = try rows.nextChunk() {
            for row in 0..<chunk.rowCount { seqs.append(chunk.int64(0, row: row)) }
            count += Int64(chunk.rowCount)
        }
        return count
    }

    // MARK: Cold files

    private func cold() async throws -> RemovedItems {
        try await onLane { connection, layout in
            var items = RemovedItems()
            for file in layout.files where removal.mayConcern(file.contents) {
                var rows: Int64 = 0
                for table in RowTable.allCases {
                    rows += try addSeqs(
                        table.rawValue, Layout.Source.file(file).name(table), to: &items.seqs, connection)
                }
                if rows > 0 {
                    items.copies.append(RemovedCopy(kind: .cold, name: file.name, rows: rows, verified: false))
                }
            }
            return items
        }
    }

    /// A cold file that was concerned, and what took its place.
    private struct Rewritten: Sendable {
        let old: ColdFile
        let new: [ColdFile]
        let rows: Int64
    }

    private func rewriteCold(_ concerned: [RemovedCopy]) async throws -> [Rewritten] {
        var all: [Rewritten] = []
        let rows = Dictionary(concerned.map { ($0.name, $0.rows) }) { first, _ in first }
        for file in store.layouts.current.files {
            guard let rows = rows[file.name] else { continue }
            let made = try await store.compacting(isRemoving: true) { [removal] merge in
                try merge.rewrite(file, without: { removal.condition($0.rawValue) })
            }
            try await Compactor.keeping(made, store) { [store] in try await store.exchange([file], for: made) }
            all.append(Rewritten(old: file, new: made, rows: rows))
        }
        return all
    }

    private func removeRetired() async throws {
        var failure: (any Error)?
        for retired in store.layouts.takeFree() {
            do { try await store.remove(retired) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    // MARK: The hot file

    private func rewriteHot(_ known: RemovedItems, isConcerned: Bool) async throws -> [RemovedCopy] {
        let store = store
        return try await store.gate.shutting(.write) {
            store.people.disturb()
            try await checkPersons()
            let (copies, refused, found) = try await hot(known)
            try await noting(found)
            // Rows that are cold now were hot once, and their bytes may still be there.
            if isConcerned || copies.contains(where: { $0.rows > 0 }) {
                // What came in since may be too old as well. With its rows it goes from the file, or not at all.
                let history = history(found, epoch: store.erasureEpoch)
                try await onLane { connection, layout in
                    if let history, history != store.agedHistory {
                        try connection.transaction { connection in try StateRows.put(history.state, connection) }
                    }
                    try removal.forgetPeople(connection)
                    try HotFile.copy(store.path, generations: layout.generations, connection) { table in
                        table == "names" ? removal.unusedNames : removal.condition(table, rejects: refused)
                    }
                }
                store.aged.withLock { $0 = history }
                try await store.gate.shutting(.read) {
                    await store.layouts.settle()
                    let path = store.path
                    try await store.reopening { try HotFile.replace(path) }
                }
            }
            let left = try await hot(known).copies
            return zip(copies, left).map { before, after in
                RemovedCopy(kind: before.kind, name: before.name, rows: before.rows, verified: after.rows == 0)
            }
        }
    }

    /// Nobody becomes known from here on.
    ///
    /// - Throws: `.changed` if other identities have been tied to those that go since these were looked up.
    private func checkPersons() async throws {
        guard case .identities(let ids) = removal.rows else { return }
        let isChanged = try await onLane { connection, _ in
            let persons = "SELECT person_id FROM identities WHERE identity_id IN (SELECT unnest($1::BIGINT[]))"
            let tied = "SELECT count(*) FROM identities WHERE person_id IN (\(persons))"
            let known = "SELECT count(*) FROM identities WHERE identity_id IN (SELECT unnest($1::BIGINT[]))"
            let row = try connection.row("SELECT (\(tied)) <> (\(known))", [.list(ids.map { .int($0) })])
            return row?[0].bool == true
        }
        if isChanged {
            throw StoreError(
                .changed, "Identities were tied to those that are removed while that went on.", isTransient: true)
        }
    }

    /// What goes from the hot file: counted, the numbers of the rejects, and all `seq`s so far.
    private func hot(
        _ known: RemovedItems
    ) async throws -> (copies: [RemovedCopy], refused: [Int64], items: RemovedItems) {
        let applied = store.appliedSeq
        return try await onLane { connection, layout in
            var items = known
            items.through = applied
            var refused: [Int64] = []
            let rows = try connection.query("SELECT seq, raw FROM rejects")
            while let chunk = try rows.nextChunk() {
                for row in 0..<chunk.rowCount {
                    let goes = chunk.text(1, row: row) { text in rejects(String(utf8: text)) }
                    if goes { refused.append(chunk.int64(0, row: row)) }
                }
            }
            var count: Int64 = 0
            for generation in layout.generations {
                for table in RowTable.allCases {
                    count += try addSeqs(
                        table.rawValue, Layout.Source.generation(generation).name(table), to: &items.seqs, connection)
                }
            }
            for table in ["identities", "aliases"] {
                count += try addSeqs(table, table, to: &items.seqs, connection)
            }
            let refusals = try addSeqs("rejects", "rejects", rejects: refused, to: &items.seqs, connection)
            let people = try removal.peopleCount(connection)
            let copies = [
                RemovedCopy(kind: .hot, name: EventStore.fileName, rows: count, verified: false),
                RemovedCopy(kind: .rejects, name: "rejects", rows: refusals, verified: false),
                RemovedCopy(kind: .people, name: "people_current", rows: people, verified: false),
            ]
            items.copies += copies.filter { $0.rows > 0 }
            return (copies, refused, items)
        }
    }

    // MARK: Afterwards

    private func verify(_ rewritten: [Rewritten]) async throws -> [RemovedCopy] {
        let left = try await onLane { connection, layout in
            var left: Set<Int64> = []
            for file in layout.files where removal.mayConcern(file.contents) {
                for table in RowTable.allCases {
                    guard let goes = removal.condition(table.rawValue) else { continue }
                    let name = Layout.Source.file(file).name(table)
                    if try connection.row("SELECT 1 FROM \(name) WHERE \(goes) LIMIT 1") != nil { left.insert(file.id) }
                }
            }
            return left
        }
        return rewritten.map { file in
            RemovedCopy(
                kind: .cold, name: file.old.name, rows: file.rows,
                verified: !store.folder.has(file.old) && !file.new.contains { left.contains($0.id) })
        }
    }
}
