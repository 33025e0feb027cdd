import DuckDB
import Model

@testable import EventStore
@testable import Reports

/// A store's tables in memory, filled row by row.
struct ReportWorld {
    let connection: Connection
    private static let tables = """
        CREATE TABLE events_1(seq BIGINT, event_id VARCHAR, identity_id BIGINT, event VARCHAR, timestamp TIMESTAMP,
            received_at TIMESTAMP, properties VARCHAR);
        CREATE TABLE identities(identity_id BIGINT, identity VARCHAR, person_id BIGINT, named_seq BIGINT,
            first_seq BIGINT);
        CREATE TABLE property_changes_1(seq BIGINT, identity_id BIGINT, timestamp TIMESTAMP, name VARCHAR,
            value VARCHAR);
        CREATE TABLE aliases(seq BIGINT, timestamp TIMESTAMP, identity VARCHAR, other VARCHAR, identity_id BIGINT,
            other_id BIGINT, derived BOOLEAN, undone_seq BIGINT);
        CREATE TABLE counter(seq BIGINT);
        INSERT INTO counter VALUES (0);
        CREATE VIEW events AS SELECT * FROM events_1;
        CREATE VIEW property_changes AS SELECT * FROM property_changes_1;
        """

    init() throws {
        connection = try Database(path: nil, settings: ["threads": "2"]).connect()
        try StoreFunctions.register(on: connection)
        try connection.execute(Self.tables)
    }

    /// Identities 1 to `count`, a person each.
    func identities(_ count: Int64) throws {
        try connection.execute("INSERT INTO identities SELECT i, 'u' || i, i, NULL, 0 FROM range(1, \(count + 1)) t(i)")
    }

    /// Ties an identity to an earlier one.
    func tie(_ identity: Int64, to person: Int64) throws {
        try connection.execute("UPDATE identities SET person_id = \(person) WHERE identity_id = \(identity)")
    }

    /// Events in the order of their `seq`: who, what, when (a time as written, or seconds since 1970), with which properties.
    func events(_ rows: [(Int64, String, String, String)]) throws {
        for (who, name, at, properties) in rows { try event(who, name, at, properties) }
    }

    func event(_ who: Int64, _ name: String, _ at: String, _ properties: String = "{}") throws {
        try connection.execute(
            "INSERT INTO events_1 VALUES ($1, $2, $3, $4, $5, $5, $6)",
            [
                .int(try next()), "e", .int(who), .text(name), .timestamp(micros(at)), .text(properties),
            ])
    }

    func change(_ who: Int64, _ name: String, _ value: String, at: String) throws {
        try connection.execute(
            "INSERT INTO property_changes_1 VALUES ($1, $2, $3, $4, $5)",
            [.int(try next()), .int(who), .timestamp(micros(at)), .text(name), .text(value)])
    }

    private func next() throws -> Int64 {
        try connection.execute("UPDATE counter SET seq = seq + 1")
        return try connection.row("SELECT seq FROM counter")?[0].int ?? 0
    }

    private func micros(_ text: String) -> Int64 {
        (WrittenTime(text)?.timestamp() ?? Timestamp(epochSeconds: text))?.microseconds ?? 0
    }

    static let now = Timestamp(microseconds: 1_780_000_000_000_000)

    /// The answer's document.
    ///
    /// - Parameter tallied: the memory in which cohorts may be counted, in bytes.
    func ask(
        _ json: JSONValue, asOf: Int64 = .max >> 1, tallied: Int64 = CohortTally.mostBytes
    ) throws -> JSONValue {
        let run = try ReportRun(json, asOf: asOf, now: Self.now, connection, tallied: tallied)
        let answer = try run.answer().json(milliseconds: 1)
        try ReportRun.cleanUp(connection)
        return answer
    }

    /// The persons of a cell.
    func people(_ report: String, _ cell: String) throws -> [Int64] {
        let run = try ReportRun(JSONValue(text: report), asOf: .max >> 1, now: Self.now, connection)
        let found = try run.people(SpecNode(JSONValue(text: cell), path: "cell"), after: 0, limit: 100)
        try ReportRun.cleanUp(connection)
        return found
    }

    /// The answer to a report that is written as text.
    func ask(_ text: String, tallied: Int64 = CohortTally.mostBytes) throws -> JSONValue {
        try ask(JSONValue(text: text), tallied: tallied)
    }
}

extension JSONValue {
    /// What a path of keys and indexes leads to: `steps.1.people`.
    func at(_ path: String) -> JSONValue {
        path.split(separator: ".").reduce(self) { value, part in
            if let index = Int(part) {
                guard let elements = value.arrayValue, elements.indices.contains(index) else { return .null }
                return elements[index]
            }
            return value[String(part)] ?? .null
        }
    }

    /// The numbers under a key of each element.
    func numbers(_ key: String) -> [Int64] { (arrayValue ?? []).map { $0[key]?.intValue ?? -1 } }

    var double: Double? { if case .number(let text) = self { Double(text) } else { nil } }
}
