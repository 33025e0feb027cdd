internal import DuckDB
internal import EventStore
internal import Model

/// One report on one connection: who is who is settled, and the zone's offsets are known.
struct ReportRun {
    let report: Report
    let asOf: Int64
    let hasTies: Bool
    /// No identity has a greater number.
    let lastIdentity: Int64
    /// The memory in which persons may be counted one by one, in bytes.
    let tallied: Int64
    let zone: ReportZone
    /// The moments of the zone's local times.
    let moments: ZoneReader
    let connection: Connection

    /// Reads the specification with the zone that it names, and makes the table of ties.
    init(
        _ json: JSONValue, asOf: Int64, now: Timestamp, _ connection: Connection,
        tallied: Int64 = CohortTally.mostBytes
    ) throws {
        try TokenFunctions.register(on: connection)
        try TallyPass.register(on: connection)
        try FunnelPass.register(on: connection)
        try SeenIdentities.register(on: connection)
        let name = try Report.timezone(json)
        let moments = ZoneReader(name, connection, code: .invalidReport)
        // A wrong name is an error even where no time needs it.
        _ = try moments.moment(ofLocal: 0)
        let asked = ReportClock(now: now, timezone: name, zone: moments)
        report = try Report(json, ReportClock(now: Report.now(json, asked), timezone: name, zone: moments))
        self.moments = moments
        self.asOf = asOf
        self.connection = connection
        self.tallied = tallied
        hasTies = try connection.transaction { connection in try Self.makeTies(connection, asOf: asOf) }
        lastIdentity = try connection.row("SELECT coalesce(max(identity_id), 0) FROM identities")?[0].int ?? 0
        zone = try Self.zone(name, report.frame, connection)
    }

    /// Makes the table of identities whose person has another number, as of a `seq`; false if there is none.
    private static func makeTies(_ connection: Connection, asOf: Int64) throws -> Bool {
        let map = try PersonMap.relation(connection, asOf: asOf)
        let person = map == nil ? "i.person_id" : "coalesce(m.person_id, i.person_id)"
        let join = map.map { " LEFT JOIN \($0) m ON m.identity_id = i.identity_id" } ?? ""
        try connection.execute(
            """
            CREATE OR REPLACE TEMP TABLE \(ReportQuery.ties) AS SELECT i.identity_id, \(person) AS person_id \
            FROM identities i\(join) WHERE i.first_seq <= \(asOf) AND \(person) <> i.identity_id
            """)
        return try connection.row("SELECT count(*) FROM \(ReportQuery.ties)")?[0].int ?? 0 > 0
    }

    /// The zone over the report's range, or where that has no ends, over all that is stored.
    private static func zone(_ name: String, _ frame: ReportFrame, _ connection: Connection) throws -> ReportZone {
        if QueryClock.offset(name) != nil { return try ReportZone(name, over: 0...0, connection) }
        let stored = try connection.row("SELECT min(timestamp), max(timestamp) FROM events")
        let first = frame.from?.microseconds ?? stored?[0].timestamp ?? 0
        // Returns may come after the range, and what is compared lies before it.
        let last = max(frame.to?.microseconds ?? first, stored?[1].timestamp ?? first)
        // Of calendar periods, those before can be some days longer.
        let more = 10 * Interval.day.microseconds
        let before = frame.from.flatMap { from in frame.to.map { $0.microseconds - from.microseconds + more } } ?? 0
        return try ReportZone(name, over: first - before...max(first, last), connection)
    }

    /// The start of every statement of the report.
    var query: ReportQuery { ReportQuery(report.frame, asOf: asOf, hasTies: hasTies) }

    /// The rows of a statement, after what it needs of persons.
    func rows(_ fragment: SQLFragment, _ needs: PersonNeeds) throws -> [[DuckValue]] {
        if !needs.computed.isEmpty {
            // One state of the table of people, and of what it lacks.
            try connection.transaction { connection in
                try needs.computed.prepare(connection, asOf: asOf, personMap: query.personMap)
            }
        }
        for set in needs.sets.isEmpty ? [] : needs.sets.statements {
            let statement = SQLStatement(set)
            try connection.execute(statement.text, statement.values)
        }
        let statement = SQLStatement(fragment)
        return try connection.rows(statement.text, statement.values)
    }

    /// Drops the temporary tables of a report.
    static func cleanUp(_ connection: Connection) throws {
        let tables =
            [ReportQuery.ties, PersonSets.table, PersonMap.table, "person_map_group"]
            + ComputedNeeds.tables(on: connection)
        try connection.execute(tables.map { "DROP TABLE IF EXISTS temp.\($0)" }.joined(separator: ";"))
    }

    /// Answers the report.
    func answer() throws -> ReportAnswer {
        let (looked, result) =
            switch report.question {
            case .funnel(let spec): try funnel(spec)
            case .cohort(let spec): try cohort(spec)
            case .metric(let spec): try metric(spec)
            case .revenue(let spec): try revenue(spec)
            case .attribution(let spec): try attribution(spec)
            }
        return ReportAnswer(report: report, asOfSeq: asOf, looked: looked, result: result)
    }
}
