internal import EventStore
internal import Model

/// Where the rows come from and which of them are wanted.
extension ExportQuery {
    /// - Parameter rows: the events or the property changes, with their letter; all of them if nil.
    func source(_ rows: SQLFragment?) -> SQLFragment {
        var sql: SQLFragment
        let join: SQLFragment
        switch spec.dataset {
        case .events:
            sql = rows ?? rowsTable
            join = " LEFT JOIN export_people m ON m.identity_id = e.identity_id"
        case .propertyChanges:
            sql = rows ?? rowsTable
            join = " LEFT JOIN export_people m ON m.identity_id = c.identity_id"
        case .aliases: (sql, join) = (rowsTable, " LEFT JOIN export_people m ON m.identity_id = a.identity_id")
        case .identities, .report: (sql, join) = ("export_people m", .empty)
        case .people: (sql, join) = ("(\(people)) q", .empty)
        }
        if needsPersonJoin { sql += join }
        let person = Self.personID(spec.dataset)
        if !needs.properties.names.isEmpty {
            let relation =
                spec.dataset == .people
                ? "(\(needs.properties.relation(asOf: spec.asOfSeq, personMap: "export_people")))"
                : SQLFragment(stringLiteral: Self.propertiesTable)
            sql += " LEFT JOIN \(relation) p ON p.person_id = \(person)"
        }
        if !needs.events.isEmpty {
            let events = needs.events.relation(asOf: spec.asOfSeq, personMap: "export_people")
            sql += " LEFT JOIN (\(events)) v ON v.person_id = \(person)"
        }
        if isComputedJoined {
            for table in needs.computed.tables.map({ SQLFragment(stringLiteral: $0) }) {
                sql += " LEFT JOIN \(table) ON \(table).person_id = \(person)"
            }
        }
        if needsObjects {
            let objects = PersonProperties.objects(asOf: spec.asOfSeq, personMap: "export_people")
            sql += " LEFT JOIN (\(objects)) o ON o.person_id = \(person)"
        }
        return sql
    }

    /// The memory that the engine needs for it. Rows that come as they are stored, and are sorted here if at all, pass by.
    var demand: EngineMemory.Demand {
        if writer == .engine { return .file }
        let isOfRows = spec.dataset == .events || spec.dataset == .propertyChanges
        let isPlain = isOfRows && !hasJoins && !needsPeopleTable && needs.sets.isEmpty && !needsPropertiesTable
        return isPlain && !spec.columns.contains { $0.source == .allProperties } ? .passing : .usual
    }

    /// The temporary table of the persons' properties, for datasets that are read by several statements.
    static let propertiesTable = "export_properties"

    var needsPropertiesTable: Bool { !needs.properties.names.isEmpty && spec.dataset != .people }

    /// Each person's current properties.
    var propertiesOfAll: SQLFragment {
        needs.properties.relationOfAll(asOf: spec.asOfSeq, personMap: "export_people")
    }

    /// One row a person, with only what columns ask for.
    private var people: SQLFragment {
        let asked = Set(spec.columns.compactMap { if case .builtin(let column) = $0.source { column } else { nil } })
        var list: SQLFragment = "m.person_id"
        if asked.contains(.identities) {
            list += ", \(DuckDBDialect.list("m.identity", by: "m.identity_id")) AS identities"
        }
        guard !asked.isDisjoint(with: [.firstSeen, .lastSeen, .eventsTotal]) else {
            return "SELECT \(list) FROM export_people m GROUP BY m.person_id"
        }
        return """
            SELECT \(list), min(s.first_seen) AS first_seen, max(s.last_seen) AS last_seen, \
            CAST(coalesce(sum(s.total), 0) AS BIGINT) AS events_total FROM export_people m LEFT JOIN \
            (SELECT e.identity_id, min(e.timestamp) AS first_seen, max(e.timestamp) AS last_seen, count(*) AS total \
            FROM events e WHERE e.seq <= \(spec.asOfSeq)\(ofSample) GROUP BY e.identity_id) s \
            ON s.identity_id = m.identity_id GROUP BY m.person_id
            """
    }

    /// Events of others than the sampled people need not be gathered.
    private var ofSample: SQLFragment {
        isSample ? " AND e.identity_id IN (SELECT n.identity_id FROM export_people n)" : .empty
    }

    var selection: [SQLFragment] {
        var tests = ranges
        if spec.isIdentified {
            tests.append(
                "\(Self.personID(spec.dataset)) IN (SELECT n.person_id FROM export_people n WHERE n.named)")
        }
        return tests
    }

    var ranges: [SQLFragment] {
        switch spec.dataset {
        case .events: window("e.seq") + times("e.timestamp")
        case .propertyChanges: window("c.seq") + times("c.timestamp")
        case .aliases: window("a.seq") + times("a.timestamp")
        case .identities, .report: spec.isIncremental ? window("m.first_seq") : []
        case .people: touched
        }
    }

    private func window(_ seq: SQLFragment) -> [SQLFragment] {
        (spec.seqFrom > 0 ? ["\(seq) > \(spec.seqFrom)"] : []) + ["\(seq) <= \(spec.seqTo)"]
    }

    private func times(_ time: SQLFragment) -> [SQLFragment] {
        (spec.from.map { ["\(time) >= \($0)"] } ?? []) + (spec.to.map { ["\(time) < \($0)"] } ?? [])
    }

    /// People of whom something was stored in the range of `seq`, and who did something in the range of time.
    private var touched: [SQLFragment] {
        var tests: [SQLFragment] = []
        if spec.isIncremental {
            let (events, changes) = (window("w.seq").joined(" AND "), window("w.undone_seq").joined(" AND "))
            tests.append(
                """
                q.person_id IN (SELECT n.person_id FROM export_people n WHERE n.identity_id IN (\
                SELECT w.identity_id FROM events w WHERE \(events) UNION ALL \
                SELECT w.identity_id FROM property_changes w WHERE \(events) UNION ALL \
                SELECT w.identity_id FROM aliases w WHERE \(events) OR \(changes) UNION ALL \
                SELECT w.other_id FROM aliases w WHERE \(events) OR \(changes)) \
                OR \(window("n.first_seq").joined(" AND ")))
                """)
        }
        if spec.from != nil || spec.to != nil {
            let range = (["e.seq <= \(spec.asOfSeq)"] + times("e.timestamp")).joined(" AND ")
            tests.append(
                """
                q.person_id IN (SELECT n.person_id FROM export_people n \
                JOIN events e ON e.identity_id = n.identity_id WHERE \(range))
                """)
        }
        return tests
    }
}
