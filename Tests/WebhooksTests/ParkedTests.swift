import Connectors
import GRDB
import Glibc
import Logging
import Model
import Testing

@testable import Webhooks

@Suite("What waits behind others of its endpoint")
struct ParkedTests {
    private static let all: JSONValue = ["url": "https://r.example/", "events": ["*"]]

    @Test("It is parked, and taken in its order after what is due")
    func order() async throws {
        let outbox = try Outbox()
        let (slow, fast) = (try await outbox.endpoint(Self.all), try await outbox.endpoint(Self.all))
        var work = LedgerWork()
        work.batches = [try await outbox.batch(3, to: [slow, fast])]
        work.parks = [slow.number]
        var answer = try await outbox.store.cycle(work, now: outbox.now)
        #expect(answer.written == [true] && answer.fed == [fast.number] && Set(answer.parked.keys) == [slow.number])
        #expect(try await outbox.store.parkedFrom() == answer.parked)
        #expect(try await outbox.states(slow) == ["pending", "pending", "pending"])
        let stats = try await outbox.store.stats(slow, now: outbox.now)
        #expect(stats["deliveries"]?["pending"] == 3 && stats["oldest_waiting_seconds"] != .null)
        try await outbox.put(1, to: [slow])
        work = LedgerWork()
        work.rooms = [(slow.number, 3, false)]
        work.parkedFrom = answer.parked
        answer = try await outbox.store.cycle(work, now: outbox.now)
        #expect(answer.claimed.count == 3 && answer.full == [slow.number])
        let first = answer.claimed.map(\.number)
        work.parkedFrom = answer.parkedFrom.compactMapValues { $0 }
        #expect(work.parkedFrom.count == 1)
        answer = try await outbox.store.cycle(work, now: outbox.now)
        // The last of the three that were parked; the one that was due went with the first two.
        #expect(answer.claimed.count == 1 && !first.contains(answer.claimed[0].number) && answer.full.isEmpty)
        #expect(answer.parkedFrom == [slow.number: nil])
        #expect(try await outbox.states(slow) == ["sending", "sending", "sending", "sending"])
        #expect(try await outbox.states(fast) == ["pending", "pending", "pending"])
    }

    @Test("It is found after a restart, and all of it is sent")
    func restart() async throws {
        let outbox = try Outbox()
        let (one, other) = (
            try await outbox.endpoint(["url": "https://r.example/", "events": ["*"], "concurrency": 1]),
            try await outbox.endpoint(Self.all)
        )
        var work = LedgerWork()
        work.batches = [try await outbox.batch(100, to: [one, other])]
        work.parks = [one.number, other.number]
        #expect(try await outbox.store.cycle(work, now: outbox.now).written == [true])
        let http = FakeHTTP { _ in OutboundResult(answer: OutboundAnswer(status: 200)) }
        let sender = Sender(
            store: outbox.store, http: http, clock: { outbox.now }, chance: { 0.5 }, logger: Logger(label: "test"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await sender.run() }
            defer { sender.stop() }
            #expect(try await sender.submit(outbox.batch(100, to: [one, other])))
            let end = ContinuousClock.now + .seconds(120)
            for endpoint in [one, other] {
                while try await !outbox.states(endpoint).allSatisfy({ $0 == "delivered" }), .now < end {
                    await Task.yield()
                }
            }
        }
        #expect(http.requests.count == 400)
        #expect(try await outbox.store.parkedFrom().isEmpty)
    }

    @Test("It is found behind any number of others that share its messages, in few steps")
    func shared() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(Self.all)
        var work = LedgerWork()
        work.batches = [try await outbox.batch(3, to: [endpoint])]
        work.parks = [endpoint.number]
        let from = try await outbox.store.cycle(work, now: outbox.now).parked
        // As if twice 4,500 more had been parked, half of them before it in the index.
        try await outbox.store.write { db in
            try db.execute(
                sql: """
                    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4500)
                    INSERT INTO deliveries (project, endpoint, message, state, created_at)
                    SELECT 'p', CASE side.v WHEN 0 THEN -i ELSE 100 + i END, m.number, 0, 1
                    FROM messages m, n, (SELECT 0 AS v UNION ALL SELECT 1) side
                    """)
        }
        work = LedgerWork()
        work.rooms = [(endpoint.number, 32, false)]
        work.parkedFrom = from
        let answer = try await outbox.store.cycle(work, now: outbox.now)
        #expect(answer.claimed.count == 3 && !answer.isScanning)
        #expect(answer.parkedFrom == [endpoint.number: nil])
    }

    @Test("What lies behind more messages than are passed at once is found the next time")
    func far() async throws {
        let outbox = try Outbox()
        let (one, other) = (try await outbox.endpoint(Self.all), try await outbox.endpoint(Self.all))
        var work = LedgerWork()
        work.batches = [
            try await outbox.batch(1, to: [one]), try await outbox.batch(DeliveryStore.mostSteps + 10, to: [other]),
            try await outbox.batch(1, to: [one]),
        ]
        work.parks = [one.number, other.number]
        var parkedFrom = try await outbox.store.cycle(work, now: outbox.now).parked
        var claimed: [Int] = []
        for _ in 0..<3 {
            work = LedgerWork()
            work.rooms = [(one.number, 32, false)]
            work.parkedFrom = parkedFrom
            let answer = try await outbox.store.cycle(work, now: outbox.now)
            claimed.append(answer.claimed.count)
            for (number, first) in answer.parkedFrom { parkedFrom[number] = first }
        }
        #expect(claimed == [1, 1, 0] && parkedFrom[one.number] == nil)
    }

    @Test("Its endpoint takes it along")
    func removed() async throws {
        let outbox = try Outbox()
        let (slow, fast) = (try await outbox.endpoint(Self.all), try await outbox.endpoint(Self.all))
        var work = LedgerWork()
        work.batches = [try await outbox.batch(2, to: [slow]), try await outbox.batch(2, to: [slow, fast])]
        work.parks = [slow.number]
        _ = try await outbox.store.cycle(work, now: outbox.now)
        #expect(try await outbox.store.remove(slow.id, project: "p"))
        let left = try await outbox.store.read { db in
            try [
                Int.fetchOne(db, sql: "SELECT count(*) FROM deliveries"),
                Int.fetchOne(db, sql: "SELECT count(*) FROM messages"),
            ]
        }
        #expect(left == [2, 2])
    }

    @Test("An outbox of before keeps what it has, and gives no number twice")
    func migrated() async throws {
        let path = "/tmp/sluice-outbox-\(UInt64.random(in: 0...(.max))).sqlite"
        defer { for end in ["", "-wal", "-shm"] { _ = unsafe unlink(path + end) } }
        let pool = try DatabasePool(path: path)
        try DeliveryMigrations.migrator.migrate(pool, upTo: "006_trigger_watches")
        let definition = try EndpointDefinition(Self.all).json.text
        try await pool.write { db in
            try db.execute(
                sql: """
                    INSERT INTO endpoints (id, project, kind, definition, header_names, since_seq, state, changed_by, state_at,
                        made_by, created_at, updated_at) VALUES ('ep_1', 'p', 'webhook', ?, '', 0, 'active', 'k', 1, 'k', 1, 1);
                    INSERT INTO messages (project, id, variant, type, seq, made_at, body) VALUES
                        ('p', 'msg_1', 'full', 'event.recorded', 1, 1, x'7b7d'), ('p', 'msg_2', 'full', 'event.recorded', 2, 1, x'7b7d');
                    INSERT INTO deliveries (number, project, endpoint, message, state, next_at, created_at) VALUES
                        (7, 'p', 1, 1, 0, 5, 5), (8, 'p', 1, 2, 2, NULL, 6);
                    INSERT INTO attempts (delivery, endpoint, n, at, cause, url) VALUES (8, 1, 1, 6, 'auto', '');
                    INSERT INTO messages (project, id, variant, type, seq, made_at) VALUES ('p', 'msg_3', 'full', 'e', 3, 1);
                    INSERT INTO deliveries (number, project, endpoint, message, state, created_at) VALUES (9, 'p', 1, 3, 5, 6);
                    DELETE FROM messages WHERE id = 'msg_3';
                    """, arguments: [definition])
        }
        try pool.close()
        let store = try DeliveryStore(path: path, box: try SecretBox(key: Array(repeating: 1, count: 32)))
        let kept = try await store.deliveries(DeliveryFilter(), project: "p", before: nil, limit: 10)
        #expect(kept.map(\.number) == [8, 7] && kept.map(\.state.word) == ["delivered", "pending"])
        #expect(kept[1].nextAt == Timestamp(microseconds: 5))
        #expect(try await store.delivery(8, project: "p")?.attempts.count == 1)
        let next = try await store.write { db in
            try db.execute(
                sql: "INSERT INTO messages (project, id, variant, type, made_at) VALUES ('p', 'm', 'f', 'e', 1)")
            let message = db.lastInsertedRowID
            try db.execute(
                sql: "INSERT INTO deliveries (project, endpoint, message, state, created_at) VALUES ('p', 1, ?, 0, 1)",
                arguments: [message])
            return db.lastInsertedRowID
        }
        #expect(next == 10)
        #expect(try await store.remove("ep_1", project: "p"))
        #expect(try await store.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM attempts") } == 0)
        try store.close()
    }

    @Test("The log is moved into the file beside what is written")
    func logMoved() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(Self.all)
        try await outbox.put(500, to: [endpoint])
        let before = size(outbox.path)
        try await outbox.store.moveLog()
        #expect(size(outbox.path) > before)
        try await outbox.put(10, to: [endpoint])
        #expect(try await outbox.states(endpoint).count == 510)
    }

    private func size(_ path: String) -> Int {
        var found = stat()
        return unsafe stat(path, &found) == 0 ? Int(found.st_size) : 0
    }
}
