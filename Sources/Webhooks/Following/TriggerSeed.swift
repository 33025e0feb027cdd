internal import EventStore
internal import Model
internal import People

/// Takes over from the store who was tied to whom when a project's first trigger is made. From there on the journal tells.
struct TriggerSeed {
    let project: String
    let store: EventStore
    let sender: Sender

    private static let piece = 1_000

    func plant(upTo seq: Int64) async throws {
        try await store.waitForApplied(seq, timeout: .seconds(60))
        var cursor: String?
        repeat {
            let at = cursor
            let page = try await store.readPinned { connection, pinned in
                try PeopleReader(connection, pinned, asOf: seq).aliases(limit: Self.piece, cursor: at)
            }
            // One that was undone later than this was tied then, and the undoing is still to come in the journal.
            let ties = page.elements.filter { $0.seq <= seq }.map { alias in
                (a: alias.identity, b: alias.other, isTied: alias.undoneSeq.map { $0 > seq } ?? true)
            }
            cursor = page.nextCursor
            try await sender.store.seed(ties, project: project, now: sender.clock(), doneAt: cursor == nil ? seq : nil)
        } while cursor != nil
        try await sender.reload()
    }
}
