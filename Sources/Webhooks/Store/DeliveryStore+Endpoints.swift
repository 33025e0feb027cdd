public import Connectors
internal import GRDB
public import Model
public import Triggers

/// What is needed to make an endpoint.
public struct EndpointDraft: Sendable {
    public var definition: EndpointDefinition
    public var kind = EndpointRecord.Kind.webhook
    public var headers: [(name: String, value: String)] = []
    public var secret: WebhookSecret
    /// Who is told of what becomes of it.
    public var notify: [TriggerAction] = []
    /// A client's certificate with its key, or a reference to it.
    public var certificate: String?

    public init(_ definition: EndpointDefinition, secret: WebhookSecret) {
        self.definition = definition
        self.secret = secret
    }
}

extension DeliveryStore {
    /// Makes an endpoint that receives what is collected from here on.
    ///
    /// - Parameters:
    ///   - durable: the highest `seq` that is on disk now; asked within the transaction.
    ///   - by: the id of the key that makes it.
    public func create(
        _ draft: EndpointDraft, project: String, by key: String, now: Timestamp,
        durable: @escaping @Sendable () -> Int64
    ) async throws(WebhookError) -> EndpointRecord {
        let box = box
        let id = Self.makeID("ep_", now)
        return try await write { db in
            try Self.make(db, id, draft, project, by: key, now, durable, box)
            try Self.setNotify(db, try Self.require(db, id, project), draft.notify, by: key, now, box)
            try Self.watchPersons(db, project, now, durable, box)
            try Self.noteChange(db)
            return try Self.require(db, id, project)
        }
    }

    /// Makes an endpoint; whom it tells of itself is left to `setNotify`, since that may be made after it.
    static func make(
        _ db: Database, _ id: String, _ draft: EndpointDraft, _ project: String, by key: String, _ now: Timestamp,
        _ durable: @Sendable () -> Int64, _ box: SecretBox
    ) throws {
        try checkName(db, draft.definition, id, project)
        let seq = try beginFollowing(db, project, durable)
        let (sealed, names) = try seal(draft.headers, id, box)
        try db.execute(
            sql: """
                INSERT INTO endpoints (id, project, kind, definition, headers, header_names, since_seq, state, changed_by,
                    state_at, made_by, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'active', ?, ?, ?, ?, ?)
                """,
            arguments: [
                id, project, draft.kind.rawValue, draft.definition.json.text, sealed, names, seq, key,
                now.microseconds, key, now.microseconds, now.microseconds,
            ])
        let number = db.lastInsertedRowID
        try addSecret(db, draft.secret, number, id, box, now)
        if draft.definition.mode == .stream { try beginStream(db, number, seq) }
        if let certificate = draft.certificate { try setCertificate(db, number, id, certificate, box) }
    }

    /// A name is one endpoint's alone, so that files can go by it.
    static func checkName(
        _ db: Database, _ definition: EndpointDefinition, _ id: String, _ project: String
    ) throws {
        guard let name = definition.name else { return }
        if let other = try records(db, project: project).first(where: { $0.definition.name == name && $0.id != id }) {
            throw WebhookError(.conflict, "the endpoint \(other.id) has the name \"\(name)\" already")
        }
    }

    /// An endpoint; nil if there is none.
    public func endpoint(_ id: String, project: String) async throws(WebhookError) -> EndpointRecord? {
        try await read { db in try Self.records(db, project: project, id: id).first }
    }

    /// Whether there is an endpoint of this id, or what a trigger does that has deliveries under it.
    public func hasEndpoint(_ id: String, project: String) async throws(WebhookError) -> Bool {
        try await read { db in try !Self.records(db, project: project, id: id, actions: true).isEmpty }
    }

    /// A project's endpoints in the order of their making.
    public func endpoints(
        project: String, kind: EndpointRecord.Kind? = nil, after number: Int64 = 0, limit: Int = .max
    ) async throws(WebhookError) -> [EndpointRecord] {
        try await read { db in try Self.records(db, project: project, kind: kind, after: number, limit: limit) }
    }

    /// Changes what an endpoint is to receive. Headers of its own stay if none are given. One that begins to listen to events hears
    /// of those that are collected from here on.
    ///
    /// - Parameter durable: the highest `seq` that is on disk now; asked within the transaction.
    public func update(
        _ id: String, _ definition: EndpointDefinition, headers: [(name: String, value: String)]?,
        extras: EndpointExtras = EndpointExtras(),
        by key: String = "", project: String, now: Timestamp, durable: @escaping @Sendable () -> Int64
    ) async throws(WebhookError) -> EndpointRecord {
        let box = box
        return try await write { db in
            let known = try Self.require(db, id, project)
            try Self.change(db, known, definition, headers: headers, certificate: extras.certificate, now, durable, box)
            if let notify = extras.notify { try Self.setNotify(db, known, notify, by: key, now, box) }
            try Self.watchPersons(db, project, now, durable, box)
            try Self.noteChange(db)
            return try Self.require(db, id, project)
        }
    }

    /// Changes an endpoint; nil stays as it is.
    static func change(
        _ db: Database, _ known: EndpointRecord, _ definition: EndpointDefinition,
        headers: [(name: String, value: String)]?, certificate: String?, _ now: Timestamp,
        _ durable: @Sendable () -> Int64, _ box: SecretBox
    ) throws {
        try checkName(db, definition, known.id, known.project)
        if definition.listens, !known.definition.listens {
            let seq = try beginFollowing(db, known.project, durable)
            try db.execute(
                sql: "UPDATE endpoints SET since_seq = ? WHERE number = ?", arguments: [seq, known.number])
        }
        try db.execute(
            sql: "UPDATE endpoints SET definition = ?, updated_at = ? WHERE number = ?",
            arguments: [definition.json.text, now.microseconds, known.number])
        if definition.order != known.definition.order {
            try setOrdering(db, known.number, asks: definition.order == .person)
        }
        if let headers {
            let (sealed, names) = try seal(headers, known.id, box)
            try db.execute(
                sql: "UPDATE endpoints SET headers = ?, header_names = ? WHERE number = ?",
                arguments: [sealed, names, known.number])
        }
        if let certificate { try setCertificate(db, known.number, known.id, certificate, box) }
    }

    /// Pauses, disables or enables an endpoint. What waits for it goes on waiting, or goes on.
    public func setState(
        _ id: String, _ state: EndpointRecord.State, reason: String?, by: String, project: String, now: Timestamp
    ) async throws(WebhookError) -> EndpointRecord {
        try await write { db in
            let known = try Self.require(db, id, project)
            try Self.setState(db, known.number, state, reason: reason, by: by, now: now)
            return try Self.require(db, id, project)
        }
    }

    static func setState(
        _ db: Database, _ number: Int64, _ state: EndpointRecord.State, reason: String?, by: String, now: Timestamp
    ) throws {
        try db.execute(
            sql: """
                UPDATE endpoints SET state = ?, reason = ?, changed_by = ?, state_at = ?, failing_since = NULL, failures = 0,
                    told = 0 WHERE number = ?
                """, arguments: [state.rawValue, reason, by, now.microseconds, number])
        if state == .active {
            // What waited is due now: the times are of the life before.
            try db.execute(
                sql:
                    "UPDATE deliveries SET next_at = min(next_at, ?) WHERE endpoint = ? AND state = 0 AND next_at IS NOT NULL",
                arguments: [now.microseconds, number])
        }
        try noteChange(db)
    }

    /// Removes an endpoint with its deliveries; false if there is none.
    public func remove(
        _ id: String, kind: EndpointRecord.Kind? = nil, project: String
    ) async throws(WebhookError) -> Bool {
        try await write { db in
            guard let known = try Self.records(db, project: project, id: id).first, kind ?? known.kind == known.kind
            else {
                return false
            }
            try Self.remove(db, known.number)
            return true
        }
    }

    /// Removes the subscriptions that a key has made, with what was to be sent to them. How many there were.
    public func removeHooks(madeBy key: String, project: String) async throws(WebhookError) -> Int {
        try await write { db in
            let numbers = try Int64.fetchAll(
                db, sql: "SELECT number FROM endpoints WHERE project = ? AND kind = 'hook' AND made_by = ?",
                arguments: [project, key])
            for number in numbers { try Self.remove(db, number) }
            return numbers.count
        }
    }

    static func remove(_ db: Database, _ number: Int64) throws {
        try removeDeliveries(db, number)
        try db.execute(sql: "DELETE FROM endpoints WHERE number = ?", arguments: [number])
        try noteChange(db)
    }

    // MARK: Steps

    static func noteChange(_ db: Database) throws { try db.execute(sql: "UPDATE changes SET number = number + 1") }

    static func setCheckpoint(_ db: Database, _ project: String, _ seq: Int64) throws {
        try db.execute(
            sql:
                "INSERT INTO checkpoints VALUES (?, ?) ON CONFLICT (project) DO UPDATE SET seq = max(seq, excluded.seq)",
            arguments: [project, seq])
    }

    static func require(_ db: Database, _ id: String, _ project: String) throws -> EndpointRecord {
        guard let found = try records(db, project: project, id: id).first else {
            throw WebhookError(.noEndpoint, "there is no endpoint \(id.prefix(64))")
        }
        return found
    }

    static func makeID(_ prefix: String, _ now: Timestamp) -> String {
        let milliseconds = UInt64(max(0, now.microseconds / 1_000))
        return prefix + Base32.encode(milliseconds << 20 | UInt64.random(in: 0..<(1 << 20)))
    }
}
