internal import DuckDB
internal import Model

/// Applies batches on the writer's lane, and keeps in memory what the next one needs.
///
/// Memory follows the database: after an error nothing in memory is believed, and all of it is read again.
final class BatchApplier {
    private struct Memory {
        var appliedSeq: Int64
        var book: IdentityBook
        var names: NameTable
        var hasUndone: Bool
    }

    private var memory: Memory?
    /// The connection that the memory was read from. Another one may be to a file from which something was taken.
    private weak var connection: Connection?
    private var members = PropertyMembers()
    private let settings: StoreSettings
    private let ties: PersonTies
    private let recent: RecentIdentities
    private let lookups: PersonIndex

    init(_ settings: StoreSettings, _ ties: PersonTies, _ recent: RecentIdentities, _ lookups: PersonIndex) {
        self.settings = settings
        self.ties = ties
        self.recent = recent
        self.lookups = lookups
    }

    /// Applies a batch in one transaction; one that is in the store already changes nothing.
    ///
    /// - Parameter generation: the generation of hot tables that events and property changes go to.
    /// - Returns: how many rows it gave them.
    @discardableResult
    func apply(_ batch: ItemBatch, _ connection: Connection, generation: Int64) throws(StoreError) -> Int64 {
        if self.connection !== connection { memory = nil }
        self.connection = connection
        if memory == nil { memory = try load(connection) }
        guard var work = memory, batch.lastSeq > work.appliedSeq else { return 0 }
        guard let first = batch.slices.first, first.firstSeq > work.appliedSeq else {
            throw StoreError(
                .damaged,
                "The journal gives the items after \(batch.slices.first?.firstSeq ?? 0) again, and the store has those "
                    + "up to \(work.appliedSeq). Nothing is applied.")
        }
        // Moved out, so that its arrays have one owner and are changed in place.
        memory = nil
        let (written, rows) = try storing {
            try connection.transaction { (connection) throws(StoreError) in
                try self.write(batch, &work, connection, generation)
            }
        }
        memory = work
        ties.settle()
        try recent.note(batch) { place in rows.identity(of: place) }
        return written
    }

    private func write(
        _ batch: ItemBatch, _ work: inout Memory, _ connection: Connection, _ generation: Int64
    ) throws(StoreError) -> (written: Int64, rows: RowWriter) {
        let existing = work.book.count
        let (pass, ids, newcomers) = try work.book.resolve(batch, connection)
        let rows = RowWriter(connection: connection, generation: generation, batch: batch, pass: pass, ids: ids)
        var touched: [Int64] = []
        let written = try rows.writeItems(names: &work.names, members: &members, touched: &touched)
        lookups.touch(touched, upTo: batch.lastSeq)
        let aliases = try AliasPass(
            pass.ties, id: rows.id, existing: existing, hasUndone: work.hasUndone, connection)
        ties.tie(aliases.changes)
        var persons: [Int64: Int64] = [:]
        for change in aliases.changes where change.identity > existing { persons[change.identity] = change.person }
        try rows.writeIdentities(newcomers, persons: persons)
        let moved = aliases.changes.filter { $0.identity <= existing }
        try RowUpdates.setIdentities("person_id", moved.map { ($0.identity, $0.person) }, connection)
        let named = pass.named.sorted { $0.key < $1.key }
        try RowUpdates.setIdentities("named_seq", named.map { ($0.key, $0.value) }, connection)
        try RowUpdates.undo(aliases.undone, connection)
        if aliases.undone.count > 0 { work.hasUndone = true }
        try rows.writeAliases(aliases.rows)
        try rows.writeRejects(aliases.refusals)
        try rows.writeNames(work.names.takeNew())
        work.appliedSeq = batch.lastSeq
        try storing {
            try StateRows.write(
                connection, appliedSeq: batch.lastSeq, identityCount: work.book.count, committedAt: batch.committedAt)
        }
        return (written, rows)
    }

    private func load(_ connection: Connection) throws(StoreError) -> Memory {
        let state = try StateRows.read(connection)
        let book = IdentityBook(count: state["identity_count"] ?? 0, slots: settings.identityCacheSlots)
        var names = NameTable()
        let hasUndone: Bool
        do {
            for row in try connection.rows("SELECT kind, name, first_seq FROM names ORDER BY rowid") {
                guard let kind = NameTable.Kind.allCases.first(where: { $0.label == row[0].text }),
                    let name = row[1].text, let seq = row[2].int
                else { continue }
                names.load(Array(name.utf8), kind, firstSeq: seq)
            }
            let undone = try connection.row("SELECT count(*) FROM aliases WHERE undone_seq IS NOT NULL")
            hasUndone = (undone?[0].int ?? 0) > 0
        } catch {
            throw StoreError(error)
        }
        return Memory(appliedSeq: state["applied_seq"] ?? 0, book: book, names: names, hasUndone: hasUndone)
    }
}
