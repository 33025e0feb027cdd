internal import DuckDB
internal import Model

/// The tables of people as they are now, in the hot file.
///
/// `people_current` has one row a person: its computed columns as one JSON object of tokens (`computed`), or whom it was merged into, or
/// that it was erased; and the number of its last change. `people_pending` has the persons whose row is to be looked at again, and
/// whether something of theirs was stored (`is_new`) or only time or a definition has passed. `people_state` says as of when the
/// others are right.
enum PeopleSchema {
    static let tables = """
        CREATE TABLE IF NOT EXISTS people_current(person_id BIGINT, change_seq BIGINT, merged_into BIGINT, erased BOOLEAN,
            computed VARCHAR);
        CREATE TABLE IF NOT EXISTS people_pending(person_id BIGINT, is_new BOOLEAN);
        CREATE TABLE IF NOT EXISTS people_state(seq BIGINT, change_seq BIGINT, day BIGINT, timezone VARCHAR,
            columns VARCHAR);
        """
}

/// As of when the table of people is right.
struct PeopleState: Equatable, Sendable {
    /// Everything up to this `seq` is in it, but for the persons that are pending.
    var seq: Int64 = 0
    /// The number of the last change.
    var changeSeq: Int64 = 0
    var day = ComputedDay(0, in: "UTC")
    /// What its columns are: name and digest of each definition, and whether it depends on the day.
    var columns: [String: Column] = [:]

    struct Column: Equatable, Sendable {
        let digest: String
        let dependsOnDay: Bool
    }

    init(_ columns: [ComputedColumn], day: ComputedDay) {
        self.day = day
        for column in columns {
            self.columns[column.name] = Column(
                digest: column.digest, dependsOnDay: column.formula.dependsOnDay)
        }
    }

    /// Nil where the tables were never filled.
    static func read(_ connection: Connection) throws -> PeopleState? {
        guard let row = try connection.row("SELECT seq, change_seq, day, timezone, columns FROM people_state"),
            let seq = row[0].int, let change = row[1].int, let day = row[2].int, let zone = row[3].text
        else { return nil }
        var state = PeopleState([], day: ComputedDay(day, in: zone))
        (state.seq, state.changeSeq) = (seq, change)
        guard case .object(let members) = try JSONValue(text: row[4].text ?? "{}") else { return state }
        for member in members {
            guard let digest = member.value["digest"]?.stringValue else { continue }
            state.columns[member.key] = Column(
                digest: digest, dependsOnDay: member.value["depends_on_day"]?.boolValue ?? true)
        }
        return state
    }

    /// Puts it in the place of the one that is there, in the caller's transaction.
    func write(_ connection: Connection) throws {
        let columns = JSONValue.object(
            self.columns.sorted { $0.key < $1.key }.map { name, column in
                .init(
                    name, ["digest": .string(column.digest), "depends_on_day": .bool(column.dependsOnDay)])
            })
        try connection.execute("DELETE FROM people_state")
        try connection.execute(
            "INSERT INTO people_state VALUES ($1, $2, $3, $4, $5)",
            [.int(seq), .int(changeSeq), .int(day.number), .text(day.timezone), .text(columns.text)])
    }

    /// Whether it has these definitions as of a day.
    func has(_ columns: [ComputedColumn], _ day: ComputedDay) -> Bool {
        columns.allSatisfy { column in
            guard let known = self.columns[column.name], known.digest == column.digest else { return false }
            return !known.dependsOnDay || self.day == day
        }
    }

    /// Whether values can be others than those of another state, though nothing was stored.
    func differs(from other: PeopleState) -> Bool {
        columns != other.columns || (day != other.day && columns.values.contains(where: \.dependsOnDay))
    }
}
