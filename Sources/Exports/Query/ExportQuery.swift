internal import EventStore
internal import Model

/// An export as SQL: its columns, its FROM clause and what it selects. Pure; the engine's words are the dialect's.
///
/// The relations: `e` events, `c` property changes, `a` aliases, `q` people (one row a person), `m` the identity of the row
/// with its person, `p` the current properties of the row's person, `o` all of them as one object, `v` what is asked of the person's
/// events.
struct ExportQuery: Sendable {
    /// Who writes the file: we, from the engine's chunks, or the engine, which then needs everything as SQL.
    enum Writer: Sendable { case rows, engine }

    let spec: ResolvedSpec
    let writer: Writer
    /// The number by which the engine finds the identities of this export.
    let run: Int64
    /// Whether it is asked of a sample: of the rows in `sampleTable`, and of the people who are in the temporary table.
    let isSample: Bool
    var columns: [PlannedColumn] = []
    /// The properties that columns of the kind `.picked` name by index.
    var picks: [String] = []
    var needs = PersonNeeds()
    private var conditionSQL: SQLFragment?
    var needsPersonJoin = false
    var needsObjects = false
    /// Whether a column, and not only the condition, has a computed column.
    var isComputedJoined = false
    /// The names that columns of `properties.*` may not have in Parquet.
    private var starNames: Set<ExactText> = []
    /// Whether the temporary table of people must be there.
    private(set) var needsPeopleTable = false
    /// Whether the writer needs identities by number.
    var needsIdentityTable = false

    /// - Parameters:
    ///   - all: the names that `properties.*` stands for.
    ///   - run: see `IdentityFunctions`.
    ///   - isSample: identities are joined, since few are needed, and no function looks them up.
    init(
        _ spec: ResolvedSpec, writer: Writer, all: [String], run: Int64 = 0, isSample: Bool = false
    ) throws(ExportError) {
        self.spec = spec
        self.writer = writer
        self.run = run
        self.isSample = isSample
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
            do { conditionSQL = try condition.sql(scope, &needs) } catch { throw ExportError(error) }
        }
        let needsPerson = spec.isIdentified || !needs.properties.names.isEmpty || usesPerson(spec.condition)
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
        var needs = PersonNeeds()
        _ = try condition.sql(scope(dataset, asOf: 0), &needs)
    }

    private var scope: QueryScope { Self.scope(spec.dataset, asOf: spec.asOfSeq) }

    private static func scope(_ dataset: Dataset, asOf: Int64) -> QueryScope {
        let row: QueryScope.Row =
            switch dataset {
            case .events: .event
            case .propertyChanges: .change
            case .people, .aliases, .identities, .report: .person
            }
        return QueryScope(row: row, asOf: asOf, personMap: "export_people", personID: personID(dataset))
    }

    static func personID(_ dataset: Dataset) -> SQLFragment {
        dataset == .people ? "q.person_id" : "m.person_id"
    }

    /// Whether a condition asks about the row's person.
    private func usesPerson(_ condition: Condition?) -> Bool {
        switch condition {
        case nil: false
        case .all(let parts), .any(let parts): parts.contains { usesPerson($0) }
        case .not(let part): usesPerson(part)
        case .person, .personThen, .did, .sequence, .segment, .computed: true
        case .event: spec.dataset != .events
        case .property: spec.dataset != .events && spec.dataset != .propertyChanges
        }
    }

    // MARK: Rows

    /// The rows of some sources, as the relation that the statement reads.
    func relation(_ sources: [Layout.Source], _ table: RowTable) -> SQLFragment {
        let letter = table == .events ? "e" : "c"
        if let only = sources.first, sources.count == 1 {
            return SQLFragment(stringLiteral: "\(only.name(table)) \(letter)")
        }
        return SQLFragment(stringLiteral: "(\(Layout.union(sources, table))) \(letter)")
    }

    /// Only rows of some months.
    func within(_ months: Range<Month>) -> SQLFragment {
        "\(timeColumn) >= \(months.lowerBound.start) AND \(timeColumn) < \(months.upperBound.start)"
    }

    /// What rows are sorted by that come in any order.
    func sortColumns(_ order: ExportOrder) -> [SQLFragment] {
        let row: SQLFragment = spec.dataset == .events ? "e" : "c"
        switch order {
        case .seq: return ["\(row).seq"]
        case .timestamp: return [timeColumn, "\(row).seq"]
        case .storage: return ["\(row).identity_id", timeColumn, "\(row).seq"]
        }
    }

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
    ///   - from: where the rows are, if not everywhere.
    ///   - filter: a further condition.
    func select(
        _ extra: [SQLFragment] = [], from: SQLFragment? = nil, filter: SQLFragment? = nil, order: SQLFragment? = nil
    ) -> SQLFragment {
        let list =
            writer == .rows
            ? expressions + extra : columns.map { "\($0.sql) AS \(ident: $0.name)" as SQLFragment } + extra
        return rows(list.joined(", "), from: from, filter: filter, order: order)
    }

    /// The statement of the file's columns, where the engine sorts the rows: what is made of an identity's number comes after
    /// that, since it would have to be carried along.
    func selectSorted(from: SQLFragment, filter: SQLFragment) -> SQLFragment {
        let letter: SQLFragment = spec.dataset == .events ? "e" : "c"
        var inner: [SQLFragment] = []
        var outer: [SQLFragment] = []
        for (i, column) in columns.enumerated() {
            if column.kind == .identityText || column.kind == .identityPerson {
                outer.append("\(column.sql) AS \(ident: column.name)")
            } else {
                let name = SQLFragment(stringLiteral: "x\(i)")
                inner.append("\(column.sql) AS \(name)")
                outer.append("\(letter).\(name) AS \(ident: column.name)")
            }
        }
        if inner.count < outer.count { inner.append("\(letter).identity_id") }
        let sorted = rows(inner.joined(", "), from: from, filter: filter, order: order)
        return "SELECT \(outer.joined(", ")) FROM (\(sorted)) \(letter)"
    }

    /// The rows without order, with other columns: to look at before.
    func rows(
        _ list: SQLFragment, from: SQLFragment? = nil, filter: SQLFragment? = nil, order: SQLFragment? = nil
    ) -> SQLFragment {
        var tests = selection
        if let conditionSQL { tests.append(conditionSQL) }
        if let filter { tests.append(filter) }
        var sql: SQLFragment = "SELECT \(list) FROM \(source(from))"
        if !tests.isEmpty { sql += " WHERE \(tests.joined(" AND "))" }
        if let order { sql += " ORDER BY \(order)" }
        return sql
    }

    /// How many rows each bucket of time has at most, by the ranges alone.
    func buckets(_ bucket: SQLFragment) -> SQLFragment {
        var sql: SQLFragment = "SELECT \(bucket) AS bucket, count(*) FROM \(rowsTable)"
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
        case (.identities, _), (.report, _): "m.identity_id"
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
}
