internal import Control
internal import EventStore
internal import Journal
internal import Model
internal import People

/// Who entered a saved segment and who left it: the difference of its people at two moments, each with the definitions that were in
/// force then. The pages of one walk are of one difference.
enum SegmentChanges {
    private typealias Moment = ChangeCursor.SegmentPlace.Moment

    static func page(_ exchange: Exchange, _ start: ChangeRoutes.Start) async throws -> ChangeRoutes.Page {
        guard let id = exchange.query["segment"] else {
            throw Problem.parameter("segment", "must be a saved segment's id")
        }
        let runtime = try exchange.project()
        guard let record = try await exchange.app.control.segment(id, project: runtime.name) else {
            throw Problem.noSegment(id)
        }
        let columns = try exchange.query.personColumns(try await exchange.allComputed())
        try exchange.requireColumns(columns.needs.union([.builtin(.personID)]))
        try exchange.requireColumns(try await exchange.needs(of: record))
        let bytes = Array(id.utf8)
        let digest = Int64(bitPattern: Hash128(bytes.span).low)
        let place = try place(start, digest, runtime.journal.durableSeq)
        let to: Moment
        if let walk = place?.walk?.to {
            try await runtime.store.waitForApplied(walk.seq, timeout: exchange.app.configuration.readWait)
            to = walk
        } else {
            let seq = try await runtime.pin(exchange)
            let changeSeq = try await runtime.store.readPinned { connection, _ in
                try PeopleFeed.snapshot(connection).changeSeq
            }
            to = Moment(seq: seq, time: exchange.receivedAt, changeSeq: changeSeq)
        }
        let known = start.isNow ? to : place?.known
        let changes = try await changes(exchange, record, from: known, to: to)
        let rest = changes.drop { $0.person <= place?.walk?.after ?? 0 }
        let shown = Array(rest.prefix(start.limit))
        let hasMore = rest.count > shown.count
        let next = ChangeCursor.SegmentPlace(
            segment: digest, known: hasMore ? known : to,
            walk: hasMore ? shown.last.map { (to, $0.person) } : nil)
        return ChangeRoutes.Page(
            rows: try await rows(exchange, shown, columns, to), next: .segment(next), hasMore: hasMore, asOfSeq: to.seq)
    }

    /// Where it goes on; nil at the beginning.
    private static func place(
        _ start: ChangeRoutes.Start, _ digest: Int64, _ durable: Int64
    ) throws(PeopleError) -> ChangeCursor.SegmentPlace? {
        guard let cursor = start.cursor else { return nil }
        guard case .segment(let place) = cursor, place.segment == digest, place.known?.seq ?? 0 <= durable,
            place.walk?.to.seq ?? 0 <= durable
        else { throw PeopleError.strangeCursor }
        return place
    }

    private struct Change {
        let person: Int64
        let what: String
    }

    /// In the order of the persons' numbers.
    private static func changes(
        _ exchange: Exchange, _ record: SegmentRecord, from known: Moment?, to: Moment
    ) async throws -> [Change] {
        if known == to { return [] }
        let before: [PersonID]
        do { before = try await people(exchange, record, known) } catch is QueryError {
            // What it asked then cannot be asked any more, since a segment that it named is gone: everybody is told again.
            before = []
        }
        let now = try await people(exchange, record, to)
        var erased: Set<Int64> = []
        if let known {
            let gone = try await exchange.project().store.readPinned { connection, pinned in
                try PeopleReader(connection, pinned).erased(after: known.changeSeq).rows
            }
            erased = Set(gone.filter { $0.changeSeq <= to.changeSeq }.map(\.person))
        }
        var changes = erased.map { Change(person: $0, what: "erased") }
        let (old, new) = (Set(before.map(\.number)), Set(now.map(\.number)))
        changes += new.subtracting(old).subtracting(erased).map { Change(person: $0, what: "entered") }
        changes += old.subtracting(new).subtracting(erased).map { Change(person: $0, what: "left") }
        return changes.sorted { $0.person < $1.person }
    }

    private static func people(
        _ exchange: Exchange, _ record: SegmentRecord, _ moment: Moment?
    ) async throws -> [PersonID] {
        guard let moment else { return [] }
        let runtime = try exchange.project()
        guard
            let then = try await exchange.app.control.segment(
                record.id, at: moment.time, project: runtime.name)
        else { return [] }
        let expansion = SegmentExpansion(
            control: exchange.app.control, store: runtime.store, project: runtime.name, columns: runtime.columns,
            takesFormulas: true, definedAt: moment.time, now: moment.time)
        let expanded = try await expansion.expanded(
            try JSONValue(text: then.draft.tree), path: "segment", within: [record.id])
        let (tree, fixed) = try await runtime.store.condition(
            expanded, path: "segment", timezone: then.draft.timezone, now: moment.time)
        // Of the version of then: another one than that of now may ask for what the caller may not see.
        try exchange.requireColumns(tree.needs(in: .people))
        return try await exchange.members(
            of: SegmentQuestion(
                tree: tree, json: fixed, version: then.version, asOfSeq: moment.seq, asOf: moment.time,
                asked: moment.time))
    }

    private static func rows(
        _ exchange: Exchange, _ changes: [Change], _ columns: PersonColumns, _ to: Moment
    ) async throws -> [[UInt8]] {
        let ids = changes.filter { $0.what != "erased" }.map { PersonID($0.person) }
        var documents: [PersonID: PersonDocument] = [:]
        for document in try await exchange.documents(of: ids, columns, asOf: to.seq, at: to.time) {
            documents[document.person.id] = document
        }
        let missing = ids.filter { documents[$0] == nil }
        let merged = try await exchange.project().store.readPinned { connection, pinned in
            try PeopleReader(connection, pinned, asOf: to.seq).destinations(of: missing)
        }
        return changes.map { change in
            let id = PersonID(change.person)
            var members: [JSONValue.Member] = [
                .init("change", .string(change.what)), .init("person_id", .string(id.text)),
            ]
            if let to = merged[id] { members.append(.init("merged_into", .string(to.text))) }
            var out = Array(JSONValue.object(members).text.utf8)
            if let document = documents[id] {
                out.removeLast()
                out += Array(",\"person\":".utf8)
                document.write(to: &out)
                out.append(UInt8(ascii: "}"))
            }
            return out
        }
    }
}
