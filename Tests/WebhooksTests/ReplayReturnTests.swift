import Connectors
import GRDB
import Model
import Testing

@testable import Webhooks

@Suite("Many deliveries sent again together, and called off or cut off")
struct ReplayReturnTests {
    private let outbox: Outbox
    private let endpoint: EndpointRecord

    init() async throws {
        outbox = try Outbox()
        endpoint = try await outbox.endpoint(["url": "https://a.example/", "events": ["*"]])
    }

    private func fail(_ count: Int, _ verdict: Verdict = .exhausted) async throws {
        try await outbox.put(count, to: [endpoint])
        for claimed in try await outbox.claim(endpoint) { _ = try await outbox.end(claimed, 500, verdict) }
    }

    private func replay(_ states: [DeliveryState] = [.exhausted]) async throws -> ReplayRecord? {
        var filter = DeliveryFilter()
        filter.states = states
        return try await outbox.store.replay(filter, of: endpoint, by: "k", now: outbox.now)
    }

    /// Everything of the deliveries that a replay changes.
    private func rows() async throws -> [String] {
        try await outbox.store.read { db in
            try String.fetchAll(
                db,
                sql: """
                    SELECT json_array(state, lane, next_at, forgiven, reason, finished_at, replay) FROM deliveries ORDER BY number
                    """)
        }
    }

    @Test("What was called off goes back after a start, and whoever calls it off again goes on with it")
    func cutOff() async throws {
        try await fail(3)
        let before = try await rows()
        for isStart in [true, false] {
            let made = try #require(try await replay())
            // The server ended before a piece was written.
            try await outbox.store.write { db in
                try db.execute(sql: "UPDATE replays SET cancelled_at = 1 WHERE number = ?", arguments: [made.number])
            }
            if isStart {
                try await outbox.store.recover(now: outbox.now)
            } else {
                _ = try await outbox.store.cancelReplay(made.number, project: "p", now: outbox.now)
            }
            #expect(try await rows() == before)
            #expect(try await outbox.claim(endpoint).isEmpty)
            await #expect(throws: WebhookError.self) {
                try await outbox.store.cancelReplay(made.number, project: "p", now: outbox.now)
            }
        }
    }

    @Test("What was under way when it was called off and did not arrive is what it was, and is not tried again")
    func underWay() async throws {
        try await fail(3)
        let before = try await rows()
        let made = try #require(try await replay())
        let claimed = try await outbox.claim(endpoint)
        #expect(claimed.count == 3)
        _ = try await outbox.store.cancelReplay(made.number, project: "p", now: outbox.now)
        _ = try await outbox.end(claimed[0], 500, .retry(at: outbox.now))
        var work = LedgerWork()
        work.released = [claimed[1]]
        _ = try await outbox.store.cycle(work, now: outbox.now)
        // The server ends, and nobody knows what became of the third.
        try await outbox.store.recover(now: outbox.now)
        #expect(try await rows() == before)
        #expect(try await outbox.claim(endpoint).isEmpty)
        #expect(try await outbox.store.replay(made.number, project: "p")?.putBack == 3)
    }

    @Test("All of what each was comes back: its time and attempts, why it failed and when it was over")
    func restored() async throws {
        try await fail(1, .aborted("the receiver wants it never"))
        try await fail(1, .delivered)
        try await fail(1, .retry(at: Timestamp(microseconds: outbox.now.microseconds + 3_600_000_000)))
        let before = try await rows()
        outbox.advance(60)
        let made = try #require(try await replay(DeliveryState.allCases))
        #expect(made.total == 3)
        _ = try await outbox.store.cancelReplay(made.number, project: "p", now: outbox.now)
        #expect(try await rows() == before)
    }

    @Test("What is sent again already is no part of another replay")
    func another() async throws {
        try await fail(2)
        let first = try #require(try await replay())
        #expect(try await replay([.pending]) == nil)
        let shown = try await outbox.store.replay(first.number, project: "p")
        #expect(shown?.states == [.pending: 2] && shown?.status == "running")
    }

    @Test("What is looked for is found by an index of it, in its order")
    func plans() async throws {
        let branches: [(ReplayScan.Branch, String)] = [
            (.due, "deliveries_due (endpoint=? AND lane=? AND next_at>?)"), (.parked, "deliveries_parked (message>?)"),
            (.done(.exhausted), "deliveries_done (endpoint=? AND state=? AND rowid>?)"),
        ]
        for (branch, index) in branches {
            let plan = try await outbox.store.read { db in
                try Row.fetchAll(
                    db, sql: "EXPLAIN QUERY PLAN \(ReplayScan.sql(branch)) LIMIT 10",
                    arguments: [1, Int64.min, Int64.min, nil as Int64?, nil as Int64?]
                ).map { $0["detail"] as String }
            }
            #expect(plan.contains { $0.contains(index) } && !plan.contains { $0.contains("TEMP B-TREE") }, "\(plan)")
        }
    }

    @Test("An error that ends it midway leaves what was put back, and says so; one at its beginning leaves nothing")
    func errors() async throws {
        try await fail(1)
        try await outbox.put(1, to: [endpoint])
        try await outbox.store.write { db in
            try db.execute(
                sql: """
                    CREATE TRIGGER full BEFORE UPDATE OF total ON replays WHEN OLD.total > 0
                    BEGIN SELECT RAISE(ABORT, 'full'); END
                    """)
        }
        let made = try #require(try await replay([.exhausted, .pending]))
        #expect(made.total == 1 && made.isPartial && !made.isTaking)
        try await outbox.store.write { db in
            try db.execute(
                sql: """
                    DROP TRIGGER full;
                    CREATE TRIGGER full BEFORE UPDATE OF total ON replays BEGIN SELECT RAISE(ABORT, 'full'); END
                    """)
        }
        await #expect(throws: WebhookError.self) { try await replay([.pending]) }
        #expect(try await outbox.store.replays(project: "p", limit: 10).map(\.number) == [made.number])
    }

    @Test("One that nobody fills any more is not said to be filled")
    func abandoned() async throws {
        try await fail(1)
        let made = try #require(try await replay())
        try await outbox.store.write { db in try db.execute(sql: "UPDATE replays SET is_taking = 1") }
        try await outbox.store.settleReplays(now: outbox.now)
        let shown = try await outbox.store.replay(made.number, project: "p")
        #expect(shown?.isTaking == false && shown?.isPartial == true)
    }

    @Test("What became of one that is over is counted once, and stays what it was")
    func counted() async throws {
        try await fail(2)
        let made = try #require(try await replay())
        let claimed = try await outbox.claim(endpoint)
        _ = try await outbox.end(claimed[0], 200, .delivered)
        try await outbox.store.settleReplays(now: outbox.now)
        #expect(try await outbox.store.replay(made.number, project: "p")?.status == "running")
        _ = try await outbox.end(claimed[1], 500, .exhausted)
        try await outbox.store.settleReplays(now: outbox.now)
        // Nothing is looked for among deliveries by then.
        try await outbox.store.write { db in try db.execute(sql: "UPDATE deliveries SET replay = NULL") }
        let over = try await outbox.store.replay(made.number, project: "p")
        #expect(over?.states == [.delivered: 1, .exhausted: 1] && over?.status == "done")
    }

    @Test("What was sent again before an update goes back, too")
    func migrated() throws {
        let file = try DatabaseQueue()
        try DeliveryMigrations.migrator.migrate(file, upTo: "011_replays")
        try file.write { db in
            try db.execute(
                sql: """
                    PRAGMA defer_foreign_keys = ON;
                    INSERT INTO messages (number, project, id, variant, type, made_at) VALUES (1, 'p', 'm', 'full', 't', 5);
                    INSERT INTO deliveries (number, project, endpoint, message, state, lane, attempts, forgiven, next_at,
                        created_at, replay, state_before) VALUES (1, 'p', 1, 1, 0, 1, 3, 2, 9, 5, 1, 0),
                        (2, 'p', 2, 1, 1, 1, 3, 3, 9, 5, 1, 3), (3, 'p', 3, 1, 2, 1, 3, 3, NULL, 5, 1, 3),
                        (4, 'p', 4, 1, 0, 0, 0, 0, 9, 5, NULL, NULL);
                    """)
        }
        try DeliveryMigrations.migrator.migrate(file)
        let was = try file.read { db in try String?.fetchAll(db, sql: "SELECT was FROM deliveries ORDER BY number") }
        #expect(was == ["[0,0,9,2,null,null]", "[3,0,null,3,\"sending it again was called off\",null]", nil, nil])
    }
}
