internal import Control
internal import EventStore
internal import Hummingbird
internal import Journal
internal import Model
internal import People

/// A condition on people as it is asked: of what was stored up to one `seq`, with no time in it that is not fixed.
struct SegmentQuestion: Sendable {
    let tree: Condition
    /// The JSON of the condition, with every time and every saved segment in its place.
    let json: JSONValue
    /// The version of the saved segment; 0 for a condition that is not saved.
    let version: Int64
    let asOfSeq: Int64
    let asOf: Timestamp
    /// When it was asked first.
    let asked: Timestamp

    /// What it tells of the people whom it finds.
    var needs: Set<ColumnNeed> { tree.needs(in: .people) }

    /// Tells conditions apart.
    var digest: Hash128 {
        let bytes = Array(json.text.utf8)
        return Hash128(bytes.span)
    }
}

extension Exchange {
    /// The condition of a request, ready to be asked.
    ///
    /// - Parameters:
    ///   - json: a condition, or the id of a saved segment.
    ///   - cursor: of the page before, which says as of when it was asked.
    func question(
        _ json: JSONValue, timezone: String, asOf: String? = nil, version: Int64 = 0, cursor: MatchCursor? = nil
    ) async throws -> SegmentQuestion {
        let runtime = try project()
        let seq = try await asOfSeq(cursor?.asOfSeq)
        var now = cursor?.asOf ?? receivedAt
        if cursor == nil, let asOf {
            now = try await runtime.store.moment(asOf, path: "as_of", timezone: timezone, now: receivedAt)
        }
        let whole: JSONValue = if case .string = json { ["segment": json] } else { json }
        let expanded = try await expansion(now, definedAt: cursor?.asked).expanded(whole, path: "segment")
        let (tree, fixed) = try await runtime.store.condition(
            expanded, path: "segment", timezone: timezone, now: now)
        // What cannot be asked of people is said before anything waits for a lane.
        var needs = PersonNeeds()
        _ = try tree.sql(
            QueryScope(row: .person, asOf: seq, personMap: "identities", personID: "q.person_id"), &needs,
            path: "segment")
        let question = SegmentQuestion(
            tree: tree, json: fixed, version: version, asOfSeq: seq, asOf: now, asked: cursor?.asked ?? receivedAt)
        if let cursor, cursor.digest != Int64(bitPattern: question.digest.low) { throw PeopleError.strangeCursor }
        return question
    }

    /// Puts saved segments of the caller's project in their places.
    ///
    /// - Parameter definedAt: the moment whose definitions are meant; nil for those of now.
    func expansion(_ now: Timestamp, definedAt: Timestamp? = nil) throws -> SegmentExpansion {
        let runtime = try project()
        return SegmentExpansion(
            control: app.control, store: runtime.store, project: runtime.name, columns: runtime.columns,
            takesFormulas: try requireCaller().grant.isAll, definedAt: definedAt, now: now,
            proposed: proposed.segments)
    }

    /// The `seq` as of which is answered: the one that the page before was of, that the caller names, or all that is durable
    /// now. Waits until the store has reached it.
    func asOfSeq(_ cursor: Int64?) async throws -> Int64 {
        let runtime = try project()
        let asked = try query.integer("as_of_seq", in: 0...Int64.max)
        // Whoever may ask as of any seq finds out when each row was stored.
        if asked != nil { try requireColumns([.builtin(.seq)]) }
        let durable = runtime.journal.durableSeq
        if let named = cursor ?? asked, named > durable {
            throw Problem.badRequest("as_of_seq is \(named), which is beyond what is stored (\(durable))")
        }
        let pinned = try await runtime.pin(self)
        guard let named = cursor ?? asked else { return pinned }
        // `wait_seq` may name less.
        return try await min(named, runtime.pin(named, wait: app.configuration.readWait))
    }

    /// The persons of whom a condition holds, from the last time that the same was asked if that is still known.
    func members(of question: SegmentQuestion) async throws -> [PersonID] {
        let runtime = try project()
        let key = MemberCache.Key(
            project: runtime.name, epoch: runtime.store.erasureEpoch, asOfSeq: question.asOfSeq,
            digest: question.digest)
        if let known = app.members.find(key) { return known }
        let found = try await runtime.store.ask { connection, pinned in
            try PeopleReader(connection, pinned, asOf: question.asOfSeq).matching(question.tree)
        }
        app.members.keep(key, found)
        return found
    }

    /// Documents of persons as of a `seq` and a moment.
    func documents(
        of persons: [PersonID], _ columns: PersonColumns, asOf seq: Int64, at moment: Timestamp
    ) async throws -> [PersonDocument] {
        if persons.isEmpty { return [] }
        let computed = columns.computed(of: try await computedColumns(moment))
        return try await project().store.readPinned { connection, pinned in
            let reader = PeopleReader(connection, pinned, asOf: seq)
            let values = try reader.computed(computed, of: persons)
            return try reader.people(persons).map { columns.document($0, values[$0.id]) }
        }
    }

    /// A page of the persons of whom a condition holds, in the order in which they first appeared.
    func page(
        of question: SegmentQuestion, _ columns: PersonColumns, limit: Int, cursor: MatchCursor?
    ) async throws -> Response {
        let found = try await members(of: question)
        let start = cursor.map { cursor in found.partitioningIndex { $0.number > cursor.after.number } } ?? 0
        let shown = Array(found[start...].prefix(limit))
        var next: String?
        if let last = shown.last, start + shown.count < found.count {
            next =
                MatchCursor(
                    asOfSeq: question.asOfSeq, asOf: question.asOf, asked: question.asked, version: question.version,
                    digest: Int64(bitPattern: question.digest.low), after: last
                ).text
        }
        let people = try await documents(of: shown, columns, asOf: question.asOfSeq, at: question.asOf)
        var body = counted(Page(people, nextCursor: next))
        body.removeLast()
        let rest: JSONValue = [
            "count": JSONValue(Int64(found.count)), "as_of": .string(question.asOf.text),
            "as_of_seq": JSONValue(question.asOfSeq),
        ]
        return .json(bytes: body + Array(",\(rest.text.dropFirst())".utf8))
    }
}

extension Array {
    /// The first place of an ordered list at which `belongs` holds.
    fileprivate func partitioningIndex(where belongs: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if belongs(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
