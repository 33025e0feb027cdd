import DuckDB
import Model
import People

@testable import EventStore

/// A store's tables in memory, filled row by row, for cases that collection cannot make at will.
struct World {
    let connection: Connection
    /// Reads up to what the table of the state says.
    var reader: PeopleReader {
        get throws {
            let applied = try connection.row("SELECT value FROM state WHERE key = 'applied_seq'")?[0].int
            let layout = Layout(version: 1, generations: [1], files: [])
            return PeopleReader(connection, Pinned(seq: applied ?? 0, layout: layout))
        }
    }

    init() throws {
        connection = try Database(path: nil, settings: ["threads": "2"]).connect()
        try connection.execute(
            """
            CREATE TABLE events_1(seq BIGINT, event_id VARCHAR, identity_id BIGINT, event VARCHAR, timestamp TIMESTAMP,
                received_at TIMESTAMP, properties VARCHAR);
            CREATE TABLE identities(identity_id BIGINT, identity VARCHAR, person_id BIGINT, named_seq BIGINT,
                first_seq BIGINT);
            CREATE TABLE property_changes_1(seq BIGINT, identity_id BIGINT, timestamp TIMESTAMP, name VARCHAR,
                value VARCHAR);
            CREATE TABLE aliases(seq BIGINT, timestamp TIMESTAMP, identity VARCHAR, other VARCHAR, identity_id BIGINT,
                other_id BIGINT, derived BOOLEAN, undone_seq BIGINT);
            CREATE TABLE rejects(seq BIGINT, received_at TIMESTAMP, protocol VARCHAR, reason VARCHAR, raw VARCHAR);
            CREATE TABLE state(key VARCHAR, value BIGINT);
            INSERT INTO state VALUES ('applied_seq', 0);
            CREATE VIEW events AS SELECT * FROM events_1;
            CREATE VIEW property_changes AS SELECT * FROM property_changes_1;
            """)
    }

    func identity(_ id: Int64, _ text: String, person: Int64? = nil) throws {
        try connection.execute(
            "INSERT INTO identities VALUES ($1, $2, $3, NULL, 0)", [.int(id), .text(text), .int(person ?? id)])
    }

    func event(
        _ seq: Int64, _ identity: Int64, _ name: String = "did", at micros: Int64, properties: String = "{}"
    ) throws {
        try connection.execute(
            "INSERT INTO events_1 VALUES ($1, $2, $3, $4, $5, $6, $7)",
            [
                .int(seq), .text("e\(seq)"), .int(identity), .text(name), .timestamp(micros), .timestamp(micros + 1),
                .text(properties),
            ])
        try applied(seq)
    }

    func change(_ seq: Int64, _ identity: Int64, at micros: Int64, _ name: String, _ value: String) throws {
        try connection.execute(
            "INSERT INTO property_changes_1 VALUES ($1, $2, $3, $4, $5)",
            [.int(seq), .int(identity), .timestamp(micros), .text(name), .text(value)])
        try applied(seq)
    }

    private func applied(_ seq: Int64) throws {
        try connection.execute("UPDATE state SET value = greatest(value, $1) WHERE key = 'applied_seq'", [.int(seq)])
    }
}

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
