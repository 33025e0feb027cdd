internal import Control
internal import EventStore
internal import Journal
internal import Model
internal import People

/// Persons of whom anything changed: what is known of them, who they are, or what is computed of them.
enum PeopleChanges {
    static func page(_ exchange: Exchange, _ start: ChangeRoutes.Start) async throws -> ChangeRoutes.Page {
        let columns = try exchange.query.personColumns(try await exchange.allComputed())
        // Whoever hears of every change hears when somebody did anything.
        try exchange.requireColumns(columns.needs.union([.builtin(.personID), .builtin(.lastSeen)]))
        let runtime = try exchange.project()
        let seq = try await runtime.pin(exchange)
        // What is not in the table by then comes later: the answer says how far it is.
        await runtime.store.waitForPeople(seq, timeout: exchange.app.configuration.readWait)
        var after: Int64 = 0
        if let cursor = start.cursor {
            guard case .people(let number) = cursor else { throw PeopleError.strangeCursor }
            after = number
        }
        let computed = columns.computed(of: try await exchange.computedColumns(exchange.receivedAt))
        let limit = start.isNow ? 0 : start.limit
        return try await runtime.store.readPinned { [after] connection, pinned in
            let reader = PeopleReader(connection, pinned)
            let (found, state) = try reader.peopleChanges(after: after, limit: limit + 1)
            guard after <= state.changeSeq else { throw PeopleError.strangeCursor }
            let shown = Array(found.prefix(limit))
            let rows = try rows(shown, reader, columns, computed)
            let last = start.isNow ? state.changeSeq : shown.last?.changeSeq ?? after
            return ChangeRoutes.Page(
                rows: rows, next: .people(last), hasMore: !start.isNow && found.count > limit, asOfSeq: state.seq,
                pending: state.pending)
        }
    }

    private static func rows(
        _ changes: [PeopleChange], _ reader: PeopleReader, _ columns: PersonColumns, _ computed: [ComputedColumn]
    ) throws -> [[UInt8]] {
        let living = changes.filter { $0.mergedInto == nil && !$0.isErased }.map { PersonID($0.person) }
            .sorted { $0.number < $1.number }
        let values = try reader.computed(computed, of: living)
        var documents: [PersonID: PersonDocument] = [:]
        for person in try reader.people(living) { documents[person.id] = columns.document(person, values[person.id]) }
        return try changes.map { change in
            let id = PersonID(change.person)
            let head: [JSONValue.Member] = [
                .init("person_id", .string(id.text)), .init("change_seq", JSONValue(change.changeSeq)),
            ]
            if change.isErased { return Array(row("erased", head).text.utf8) }
            if let document = documents[id] {
                var out = Array(row("changed", head).text.utf8.dropLast())
                out += Array(",\"person\":".utf8)
                document.write(to: &out)
                return out + [UInt8(ascii: "}")]
            }
            // Of whom the table does not know yet that they were merged, the store knows.
            let to = try change.mergedInto.map { PersonID($0) } ?? reader.destinations(of: [id])[id]
            return Array(row("merged", head + [.init("merged_into", JSONValue(to?.text))]).text.utf8)
        }
    }

    private static func row(_ change: String, _ members: [JSONValue.Member]) -> JSONValue {
        .object([.init("change", .string(change))] + members)
    }
}
