internal import EventStore
internal import Model

/// An export as SQL: its columns, its FROM clause and what it selects. Pure; the engine's words are the dialect's.
///
/// The relations: `e` events, `c` property changes, `a` aliases, `q` people (one row a person), `m` the identity of the row
/// with its person, `p` the current properties of the row's person, `o` all of them as one object.
struct ExportQuery: Sendable {
    /// Who writes the file: we, from the engine's chunks, or the engine, which then needs everything as SQL.
    enum Writer: Sendable { case rows, engine }

    let spec: ResolvedSpec
    let writer: Writer
    /// The number by which the engine finds the identities of this export.
    let run: Int64
    private(set) var columns: [PlannedColumn] = []
    /// The properties that columns of the kind `.picked` name by index.
    private(set) var picks: [String] = []
    private(set) var properties = PersonProperties()
    private var conditionSQL: SQLFragment?
    private var needsPersonJoin = false
    private var needsObjects = false
    /// The names that columns of `properties.*` may not have in Parquet.
    private var starNames: Set<ExactText> = []
    /// Whether the temporary table of people must be there.
    private(set) var needsPeopleTable = false
    /// Whether the writer needs identities by number.
    private(set) var needsIdentityTable = false

    /// - Parameters:
    ///   - all: the names that `properties.*` stands for.
    ///   - run: see `IdentityFunctions`.
    init(_ spec: ResolvedSpec, writer: Writer, all: [String], run: Int64 = 0) throws(ExportError) {
        self.spec = spec
        self.writer = writer
        self.run = run
        let taken = Set(spec.columns.map { ExactText($0.name) })
        for column in spec.columns {
            guard column.source == .allProperties else {
                plan(column)
                continue
            }
            for name in all where !taken.contains(ExactText("properties." + name)) {
                plan(ColumnExpression(.property(name), name: free("properties." + name, beside: spec.columns)))
            }
        }
        if writer == .engine { try checkNames() }
        if let condition = spec.condition {
            do { conditionSQL = try condition.sql(scope, &properties) } catch { throw ExportError(error) }
        }
        let needsPerson = spec.isIdentified || !properties.names.isEmpty || usesPerson(spec.condition)
        if needsPerson || spec.dataset == .people || spec.dataset == .identities { needsPersonJoin = true }
        needsPeopleTable = needsPersonJoin
    }

    /// A name for a column of `properties.*`. In Parquet, where case does not count, one that is there already gets a
    /// number: nobody can rename what nobody named.
    private mutating func free(_ name: String, beside named: [ColumnExpression]) -> String {
        guard writer == .engine else { return name }
        if starNames.isEmpty { starNames = Set(named.map { Self.folded($0.name) }) }
        var candidate = name
        var number = 1
        while !starNames.insert(Self.folded(candidate)).inserted {
            number += 1
            candidate = "\(name)_\(number)"
        }
        return candidate
    }

    private static func folded(_ name: String) -> ExactText { ExactText(name.lowercased()) }

    /// The engine would rename a column whose name differs from another's only in case.
    private func checkNames() throws(ExportError) {
        var seen: [ExactText: String] = [:]
        for column in columns {
            if let other = seen.updateValue(column.name, forKey: Self.folded(column.name)) {
                throw ExportSpec.error(
                    "in Parquet the columns \"\(other)\" and \"\(column.name)\" would be one, since case does not count; rename one with \"as\""
                )
            }
        }
    }

    /// Whether a condition can be asked of a dataset.
    static func check(_ condition: Condition, dataset: Dataset) throws(QueryError) {
        var properties = PersonProperties()
        _ = try condition.sql(scope(dataset, asOf: 0), &properties)
    }

    private var scope: QueryScope { Self.scope(spec.dataset, asOf: spec.asOfSeq) }

    private static func scope(_ dataset: Dataset, asOf: Int64) -> QueryScope {
        let row: QueryScope.Row =
            switch dataset {
            case .events: .event
            case .propertyChanges: .change
            case .people, .aliases, .identities: .person
            }
        return QueryScope(row: row, asOf: asOf, personMap: "export_people", personID: personID(dataset))
    }

    private static func personID(_ dataset: Dataset) -> SQLFragment {
        dataset == .people ? "q.person_id" : "m.person_id"
    }

    /// Whether a condition on a row that is no event asks about the row's person.
    private func usesPerson(_ condition: Condition?) -> Bool {
        guard let condition, spec.dataset != .events else { return false }
        switch condition {
        case .all(let parts), .any(let parts): return parts.contains { usesPerson($0) }
        case .not(let part): return usesPerson(part)
        case .event, .person: return true
        case .property: return spec.dataset != .propertyChanges
        }
    }

    // MARK: Columns

    private mutating func plan(_ column: ColumnExpression) {
        let (sql, kind) =
            switch column.source {
            case .builtin(let builtin): self.builtin(builtin)
            case .property(let name): property(name, column.cast)
            case .person(let name): cast(properties.token(name), column.cast)
            case .allProperties: (SQLFragment.empty, FieldKind.text)
            }
        columns.append(PlannedColumn(name: column.name, type: column.type, sql: sql, kind: kind))
    }

    private mutating func property(_ name: String, _ cast: ColumnExpression.Cast?) -> (SQLFragment, FieldKind) {
        if spec.dataset == .people { needsObjects = true }
        let object: SQLFragment = spec.dataset == .people ? "o.properties" : "e.properties"
        guard writer == .rows, cast == nil else { return self.cast(DuckDBDialect.token(object, name), cast) }
        // The picker finds a name once, for all columns that are made of it.
        if let known = picks.firstIndex(where: { ExactText($0) == ExactText(name) }) { return (object, .picked(known)) }
        picks.append(name)
        return (object, .picked(picks.count - 1))
    }

    private func cast(_ token: SQLFragment, _ cast: ColumnExpression.Cast?) -> (SQLFragment, FieldKind) {
        switch cast {
        case .double: (DuckDBDialect.number(token), .double)
        case .bigint: (DuckDBDialect.wholeNumber(token), .integer)
        case .boolean: (DuckDBDialect.truth(token), .boolean)
        case .timestamp: (time(DuckDBDialect.time(token)), .time)
        case .text: (DuckDBDialect.text(token), .text)
        case nil: writer == .rows ? (token, .token) : (DuckDBDialect.text(token), .text)
        }
    }

    private func time(_ sql: SQLFragment) -> SQLFragment { writer == .rows ? sql : DuckDBDialect.zoned(sql) }

    private mutating func builtin(_ column: BuiltinColumn) -> (SQLFragment, FieldKind) {
        switch spec.dataset {
        case .events: eventColumn(column)
        case .propertyChanges: changeColumn(column)
        case .aliases: aliasColumn(column)
        case .identities: identityColumn(column)
        case .people: personColumn(column)
        }
    }

    /// The identity's text or person of a row that has its number.
    private mutating func identity(_ number: SQLFragment, _ kind: FieldKind) -> (SQLFragment, FieldKind) {
        needsIdentityTable = true
        if writer == .rows { return (number, kind) }
        return (
            kind == .identityText
                ? DuckDBDialect.identityText(number, run: run) : DuckDBDialect.identityPerson(number, run: run), .text
        )
    }

    private mutating func eventColumn(_ column: BuiltinColumn) -> (SQLFragment, FieldKind) {
        switch column {
        case .seq: ("e.seq", .integer)
        case .eventID: ("e.event_id", .text)
        case .personID: identity("e.identity_id", .identityPerson)
        case .identity: identity("e.identity_id", .identityText)
        case .event: ("e.event", .text)
        case .timestamp: (time("e.timestamp"), .time)
        case .receivedAt: (time("e.received_at"), .time)
        default: ("e.properties", .object)
        }
    }

    private mutating func changeColumn(_ column: BuiltinColumn) -> (SQLFragment, FieldKind) {
        switch column {
        case .seq: ("c.seq", .integer)
        case .personID: identity("c.identity_id", .identityPerson)
        case .identity: identity("c.identity_id", .identityText)
        case .timestamp: (time("c.timestamp"), .time)
        case .name: ("c.name", .text)
        default: cast(DuckDBDialect.present("c.value"), nil)
        }
    }

    private mutating func aliasColumn(_ column: BuiltinColumn) -> (SQLFragment, FieldKind) {
        switch column {
        case .seq: return ("a.seq", .integer)
        case .timestamp: return (time("a.timestamp"), .time)
        case .identity: return ("a.identity", .text)
        case .other: return ("a.other", .text)
        case .derived: return ("a.derived", .boolean)
        case .undoneSeq: return ("CASE WHEN a.undone_seq <= \(spec.asOfSeq) THEN a.undone_seq END", .integer)
        default:
            needsPersonJoin = true
            return ("m.person", .text)
        }
    }

    private func identityColumn(_ column: BuiltinColumn) -> (SQLFragment, FieldKind) {
        switch column {
        case .identity: ("m.identity", .text)
        case .personID: ("m.person", .text)
        case .named: ("m.named", .boolean)
        default: ("m.first_seq", .integer)
        }
    }

    private mutating func personColumn(_ column: BuiltinColumn) -> (SQLFragment, FieldKind) {
        switch column {
        case .personID:
            return writer == .rows ? ("q.person_id", .person) : (DuckDBDialect.personText("q.person_id"), .text)
        case .identities: return ("q.identities", .list)
        case .firstSeen: return (time("q.first_seen"), .time)
        case .lastSeen: return (time("q.last_seen"), .time)
        case .eventsTotal: return ("q.events_total", .integer)
        default:
            needsObjects = true
            return ("coalesce(o.properties, '{}')", .object)
        }
    }

    // MARK: Rows

    /// The column that ascends when rows come as they are stored.
    var seqColumn: SQLFragment? {
        switch spec.dataset {
        case .events: "e.seq"
        case .propertyChanges: "c.seq"
        default: nil
        }
    }

    /// The engine's name of the table that is read in order.
    var streamedTable: String { spec.dataset == .events ? "events" : "property_changes" }

    /// Whether another relation is joined to the rows, which may change their order.
    var hasJoins: Bool { needsPersonJoin }

    /// What the statement asks for when we write the file: each expression once, however many columns are made of it.
    var expressions: [SQLFragment] {
        var out: [SQLFragment] = []
        for column in columns where !out.contains(column.sql) { out.append(column.sql) }
        return out
    }

    /// The statement of the file's columns.
    ///
    /// - Parameters:
    ///   - extra: columns that the file does not have, after its own.
    ///   - filter: a further condition.
    func select(_ extra: [SQLFragment] = [], filter: SQLFragment? = nil, order: SQLFragment? = nil) -> SQLFragment {
        let list =
            writer == .rows
            ? expressions + extra : columns.map { "\($0.sql) AS \(ident: $0.name)" as SQLFragment } + extra
        return rows(list.joined(", "), filter: filter, order: order)
    }

    /// The rows without order, with other columns: to look at before.
    func rows(_ list: SQLFragment, filter: SQLFragment? = nil, order: SQLFragment? = nil) -> SQLFragment {
        var tests = selection
        if let conditionSQL { tests.append(conditionSQL) }
        if let filter { tests.append(filter) }
        var sql: SQLFragment = "SELECT \(list) FROM \(source)"
        if !tests.isEmpty { sql += " WHERE \(tests.joined(" AND "))" }
        if let order { sql += " ORDER BY \(order)" }
        return sql
    }

    /// How many rows each bucket of time has at most, by the ranges alone.
    func buckets(_ bucket: SQLFragment) -> SQLFragment {
        let table: SQLFragment = spec.dataset == .events ? "events e" : "property_changes c"
        var sql: SQLFragment = "SELECT \(bucket) AS bucket, count(*) FROM \(table)"
        let tests = ranges
        if !tests.isEmpty { sql += " WHERE \(tests.joined(" AND "))" }
        return sql + " GROUP BY bucket ORDER BY bucket"
    }

    /// The order that is total, where rows are not streamed as they are stored.
    var order: SQLFragment {
        switch (spec.dataset, spec.order) {
        case (.events, .storage): "\(DuckDBDialect.month("e.timestamp")), e.identity_id, e.timestamp, e.seq"
        case (.events, .timestamp): "e.timestamp, e.seq"
        case (.events, .seq): "e.seq"
        case (.propertyChanges, .storage):
            "\(DuckDBDialect.month("c.timestamp")), c.identity_id, c.timestamp, c.seq, c.name"
        case (.propertyChanges, .timestamp): "c.timestamp, c.seq, c.name"
        case (.propertyChanges, .seq): "c.seq, c.name"
        case (.aliases, .timestamp): "a.timestamp, a.seq"
        case (.aliases, _): "a.seq"
        case (.identities, _): "m.identity_id"
        case (.people, _): "q.person_id"
        }
    }

    /// The row's time.
    var timeColumn: SQLFragment {
        switch spec.dataset {
        case .events: "e.timestamp"
        case .propertyChanges: "c.timestamp"
        default: "a.timestamp"
        }
    }

    // MARK: Clauses

    private var source: SQLFragment {
        var sql: SQLFragment
        let join: SQLFragment
        switch spec.dataset {
        case .events: (sql, join) = ("events e", " LEFT JOIN export_people m ON m.identity_id = e.identity_id")
        case .propertyChanges:
            (sql, join) = ("property_changes c", " LEFT JOIN export_people m ON m.identity_id = c.identity_id")
        case .aliases: (sql, join) = ("aliases a", " LEFT JOIN export_people m ON m.identity_id = a.identity_id")
        case .identities: (sql, join) = ("export_people m", .empty)
        case .people: (sql, join) = ("(\(people)) q", .empty)
        }
        if needsPersonJoin { sql += join }
        let person = Self.personID(spec.dataset)
        if !properties.names.isEmpty {
            let relation: SQLFragment =
                spec.dataset == .people
                ? "(\(propertiesRelation))" : SQLFragment(stringLiteral: Self.propertiesTable)
            sql += " LEFT JOIN \(relation) p ON p.person_id = \(person)"
        }
        if needsObjects {
            let objects = PersonProperties.objects(asOf: spec.asOfSeq, personMap: "export_people")
            sql += " LEFT JOIN (\(objects)) o ON o.person_id = \(person)"
        }
        return sql
    }

    /// The temporary table of the persons' properties, for datasets that are read by several statements.
    static let propertiesTable = "export_properties"

    var needsPropertiesTable: Bool { !properties.names.isEmpty && spec.dataset != .people }

    /// Each person's current properties.
    var propertiesRelation: SQLFragment { properties.relation(asOf: spec.asOfSeq, personMap: "export_people") }

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
            FROM events e WHERE e.seq <= \(spec.asOfSeq) GROUP BY e.identity_id) s \
            ON s.identity_id = m.identity_id GROUP BY m.person_id
            """
    }

    private var selection: [SQLFragment] {
        var tests = ranges
        if spec.isIdentified {
            tests.append(
                "\(Self.personID(spec.dataset)) IN (SELECT n.person_id FROM export_people n WHERE n.named)")
        }
        return tests
    }

    private var ranges: [SQLFragment] {
        switch spec.dataset {
        case .events: window("e.seq") + times("e.timestamp")
        case .propertyChanges: window("c.seq") + times("c.timestamp")
        case .aliases: window("a.seq") + times("a.timestamp")
        case .identities: spec.isIncremental ? window("m.first_seq") : []
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
