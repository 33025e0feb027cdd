internal import Model

/// What rows must be like before they are loaded.
public struct ValidationPlan: Sendable, Equatable {
    /// What follows where a rule does not hold.
    public enum Severity: String, Sendable, CaseIterable {
        /// It is noted, and rows are loaded.
        case warn
        /// Nothing is loaded.
        case stop
    }

    public enum ColumnType: String, Sendable, CaseIterable {
        case text, bigint, double, boolean, timestamp, json
    }

    public struct Column: Sendable, Equatable {
        public var name: String
        public var type: ColumnType?
        public var isRequired = false
        public var isUnique = false
        /// A regular expression, or `email`.
        public var matches: String?
        public var accepted: [String] = []
        public var least: String?
        public var most: String?
        /// The largest share of rows without a value.
        public var nullShare: Double?
        public var severity: Severity?
    }

    public struct RowCount: Sendable, Equatable {
        public var least: Int64?
        public var most: Int64?
        /// How far below the median of the last runs it may be, as a share of it.
        public var drop: Double?
        /// How far above.
        public var rise: Double?
        public var severity: Severity?
    }

    public struct Newest: Sendable, Equatable {
        public var column: String
        /// In microseconds.
        public var age: Int64
        public var severity: Severity?
    }

    public struct Custom: Sendable, Equatable {
        public var name: String
        /// A query of `export` whose rows are those that fail.
        public var sql: String
        public var severity: Severity?
    }

    public var isNotEmpty = false
    public var rowCount: RowCount?
    public var columns: [Column] = []
    public var newest: Newest?
    public var custom: [Custom] = []
    public var severity = Severity.stop

    public init() {}
}

extension ValidationPlan {
    init(_ node: DocumentNode) throws(PipelineError) {
        let known = try node.map(["not_empty", "row_count", "columns", "freshness", "sql", "severity"])
        isNotEmpty = try known["not_empty"]?.truth() ?? false
        severity = try known["severity"]?.choice(Severity.self) ?? .stop
        if let count = known["row_count"] { rowCount = try Self.rowCount(count) }
        var errors = ErrorList()
        for entry in try known["columns"]?.entries() ?? [] {
            if let column = errors.attempt({ try Self.column(entry) }) { columns.append(column) }
        }
        try errors.finish()
        if let fresh = known["freshness"] {
            let parts = try fresh.map(["column", "max_age", "severity"])
            guard let column = parts["column"], let age = parts["max_age"] else {
                throw fresh.error("\"column\" and \"max_age\" say of which column the newest may be how old")
            }
            newest = Newest(
                column: try column.text("a column's name"), age: try age.duration(),
                severity: try parts["severity"]?.choice(Severity.self))
        }
        for rule in try known["sql"]?.list() ?? [] {
            let parts = try rule.map(["name", "sql", "severity"])
            guard let name = parts["name"], let sql = parts["sql"] else {
                throw rule.error("\"name\" and \"sql\" are needed: a query of export whose rows are those that fail")
            }
            custom.append(
                Custom(
                    name: try name.text("a name"), sql: try sql.text("a query", atMost: 10_000),
                    severity: try parts["severity"]?.choice(Severity.self)))
        }
    }

    private static func rowCount(_ node: DocumentNode) throws(PipelineError) -> RowCount {
        let parts = try node.map(["min", "max", "max_drop", "max_rise", "severity"])
        var count = RowCount()
        count.least = try parts["min"]?.integer(0...Int64.max)
        count.most = try parts["max"]?.integer(0...Int64.max)
        count.drop = try parts["max_drop"]?.share()
        if let rise = parts["max_rise"] {
            // More than twice as many is a rise of over 100 %.
            guard let percent = Double(try rise.text("a share such as 200%").replacing("%", with: "")),
                (0...1_000_000).contains(percent)
            else {
                throw rise.error("here should be a share such as 200%, of at most 1000000%")
            }
            count.rise = percent / 100
        }
        count.severity = try parts["severity"]?.choice(Severity.self)
        return count
    }

    private static func column(_ entry: DocumentNode.Entry) throws(PipelineError) -> Column {
        var column = Column(name: entry.key)
        // The short form: a type alone.
        if case .scalar(.string) = entry.value.content {
            column.type = try entry.value.choice(ColumnType.self)
            return column
        }
        let known = try entry.value.map([
            "type", "required", "unique", "matches", "accepted", "min", "max", "max_nulls", "severity",
        ])
        column.type = try known["type"]?.choice(ColumnType.self)
        column.isRequired = try known["required"]?.truth() ?? false
        column.isUnique = try known["unique"]?.truth() ?? false
        column.matches = try known["matches"]?.text("a regular expression, or email")
        for value in try known["accepted"]?.list() ?? [] {
            guard case .scalar(let scalar) = value.content else { throw value.error("here should be a value") }
            column.accepted.append(scalar.stringValue ?? scalar.text)
        }
        column.least = try Self.bound(known["min"])
        column.most = try Self.bound(known["max"])
        column.nullShare = try known["max_nulls"]?.share()
        column.severity = try known["severity"]?.choice(Severity.self)
        return column
    }

    /// A number, or a time.
    private static func bound(_ node: DocumentNode?) throws(PipelineError) -> String? {
        guard let node else { return nil }
        if case .scalar(.string(let text)) = node.content {
            guard let time = WrittenTime(text)?.timestamp() else {
                throw node.error("here should be a number or a time")
            }
            return time.text
        }
        return try node.number()
    }
}
