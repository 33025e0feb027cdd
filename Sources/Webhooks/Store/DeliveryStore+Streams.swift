internal import Connectors
internal import GRDB
public import Model

/// Where a stream stands.
public struct StreamState: Sendable, Equatable {
    /// Everything up to this was taken.
    public var seq: Int64
    /// Events and batches that were taken.
    public var events: Int64 = 0
    public var batches: Int64 = 0
    /// Failed attempts since it moved last.
    public var attempts: Int64 = 0
    public var nextAt: Timestamp?
    public var lastAt: Timestamp?
    public var lastStatus: Int64?
    public var lastError: String?
    public var lastDetail: String?
    /// Microseconds.
    public var lastTotal: Int64?
}

/// What became of a batch.
struct StreamOutcome: Sendable {
    let endpoint: Int64
    /// Where the stream stood when the batch was made.
    let from: Int64
    /// Where it stands if it was taken.
    let to: Int64
    let events: Int64
    let at: Timestamp
    let result: OutboundResult
    let verdict: Verdict
    let nextAt: Timestamp?
    let health: EndpointHealth?
    let notice: EndpointHealth.Notice?
}

extension DeliveryStore {
    static func beginStream(_ db: Database, _ number: Int64, _ seq: Int64) throws {
        try db.execute(sql: "INSERT INTO streams (endpoint, seq) VALUES (?, ?)", arguments: [number, seq])
    }

    /// Where a stream stands; nil if it is none.
    public func stream(_ number: Int64) async throws(WebhookError) -> StreamState? {
        try await read { db in
            try Row.fetchOne(db, sql: "SELECT * FROM streams WHERE endpoint = ?", arguments: [number])
                .map(StreamState.init(row:))
        }
    }

    /// Where all streams stand: project, endpoint's id, `seq`.
    public func streamPositions() async throws(WebhookError) -> [(
        project: String, endpoint: String, number: Int64, seq: Int64
    )] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql:
                    "SELECT e.project, e.id, e.number, s.seq FROM streams s JOIN endpoints e ON e.number = s.endpoint ORDER BY 3"
            ).map { ($0[0], $0[1], $0[2], $0[3]) }
        }
    }

    /// Puts a stream somewhere else: what comes after that `seq` is next.
    public func seek(_ record: EndpointRecord, to seq: Int64) async throws(WebhookError) {
        try await write { db in
            try db.execute(
                sql: "UPDATE streams SET seq = ?, attempts = 0, next_at = NULL WHERE endpoint = ?",
                arguments: [seq, record.number])
            guard db.changesCount == 1 else {
                throw WebhookError(.conflict, "the endpoint is no stream; make one with \"mode\": \"stream\"")
            }
            try Self.noteChange(db)
        }
    }

    /// Moves over what the stream does not want, unless it was put somewhere else meanwhile.
    func pass(_ number: Int64, from: Int64, to seq: Int64) async throws(WebhookError) {
        try await write { db in
            try db.execute(
                sql: "UPDATE streams SET seq = ? WHERE endpoint = ? AND seq = ?", arguments: [seq, number, from])
        }
    }

    /// Writes what became of a batch: the stream moves if it was taken, and if nobody has put it somewhere else meanwhile.
    func came(_ outcome: StreamOutcome, now: Timestamp) async throws(WebhookError) -> LedgerAnswer {
        try await write { db in
            var answer = LedgerAnswer()
            let number = outcome.endpoint
            if outcome.verdict.isSuccess {
                try db.execute(
                    sql: """
                        UPDATE streams SET seq = ?, events = events + ?, batches = batches + 1, attempts = 0, next_at = NULL
                        WHERE endpoint = ? AND seq = ?
                        """, arguments: [outcome.to, outcome.events, number, outcome.from])
            } else {
                try db.execute(
                    sql: "UPDATE streams SET attempts = attempts + 1, next_at = ? WHERE endpoint = ? AND seq = ?",
                    arguments: [outcome.nextAt?.microseconds, number, outcome.from])
            }
            let result = outcome.result
            try db.execute(
                sql: """
                    UPDATE streams SET last_at = ?, last_status = ?, last_error = ?, last_detail = ?, last_total = ?
                    WHERE endpoint = ?
                    """,
                arguments: [
                    outcome.at.microseconds, result.answer?.status, Verdict.errorCode(result), Verdict.detail(result),
                    result.timings.total, number,
                ])
            guard db.changesCount == 1 else { return answer }
            if let health = outcome.health {
                try db.execute(
                    sql: "UPDATE endpoints SET failing_since = ?, failures = ?, told = ? WHERE number = ?",
                    arguments: [health.failingSince?.microseconds, health.failures, health.told, number])
            }
            if case .ends(let reason) = outcome.verdict {
                try Self.end(number, isHook: false, reason, db, now, &answer)
            }
            try Self.tell(outcome.notice, number, outcome.health, db, now, &answer)
            return answer
        }
    }
}

extension StreamState {
    fileprivate init(row: Row) {
        func time(_ name: String) -> Timestamp? {
            let value: Int64? = row[name]
            return value.map { Timestamp(microseconds: $0) }
        }
        self.init(
            seq: row["seq"], events: row["events"], batches: row["batches"], attempts: row["attempts"],
            nextAt: time("next_at"), lastAt: time("last_at"), lastStatus: row["last_status"],
            lastError: row["last_error"], lastDetail: row["last_detail"], lastTotal: row["last_total"])
    }
}
