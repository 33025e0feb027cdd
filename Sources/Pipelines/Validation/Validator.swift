internal import Destinations
internal import DuckDB
internal import Exports
internal import Model

/// Looks at a run's file before it is loaded, in an engine of its own, with little memory and no way out of the run's folder.
struct Validator: Sendable {
    let plan: ValidationPlan
    let isIncremental: Bool
    let file: String
    /// The folder that the file is in.
    let folder: String
    let format: String
    let columns: [(name: String, type: String)]
    let declared: Int64
    let previous: [Int64]
    let now: Timestamp
    /// By what rows find those that are there; empty where none does.
    var key: [String] = []
    /// What the destination's JSON has a place for.
    var json = JSONLimits.files

    /// What was found.
    struct Findings: Sendable {
        var checks: [Check]
        var rows: Int64
        /// Rows that were put aside, under this name in the folder; nil if there were none.
        var quarantine: String?
        /// Whether some values can only be held in another form.
        var needsRepair = false

        var failed: [Check] { checks.filter { $0.outcome == .failed } }
    }

    static let quarantineName = "quarantine.ndjson"
    private static let samples = 3

    /// What it does with: the engine fills what it may with pieces of the file, though it reads each once.
    private static let memory = "150MB"
    /// For rules that gather rows, and for rows that are unusually wide.
    private static let moreMemory = "300MB"

    /// Checks all rules; blocks until the brake is pulled.
    func run(_ brake: JobBrake = JobBrake()) throws(PipelineError) -> Findings {
        let gathers = !plan.custom.isEmpty || plan.columns.contains { $0.isUnique }
        do {
            do {
                return try run(brake, memory: gathers ? Self.moreMemory : Self.memory)
            } catch let error as DuckDBError where error.code == .outOfMemory && !gathers {
                return try run(brake, memory: Self.moreMemory)
            }
        } catch let error as DuckDBError where error.code == .interrupted {
            throw PipelineError(.validation, "looking at the rows was cut off", isTransient: true)
        } catch {
            throw PipelineError(
                .validation, "the rows could not be looked at: \(error)",
                isTransient: (error as? DuckDBError)?.isTransient ?? false)
        }
    }

    private func run(_ brake: JobBrake, memory: String) throws -> Findings {
        let repair = JSONFunction(json == .files ? .duckdb : json)
        let database = try Database(
            path: nil,
            settings: [
                "memory_limit": memory, "threads": "1", "temp_directory": folder + "/spill",
                "autoinstall_known_extensions": "false", "autoload_known_extensions": "false",
            ])
        let connection = try database.connect()
        try repair.register(on: connection)
        for statement in RuleSQL.confine(to: folder) { try connection.execute(statement) }
        return try brake.hold(connection) { try check($0, repair) }
    }

    private func check(_ connection: Connection, _ repair: JSONFunction) throws -> Findings {
        let names = columns.map(\.name)
        var checks = try columnChecks(connection, names)
        if checks.contains(where: { $0.outcome == .failed }) { return Findings(checks: checks, rows: 0) }
        try connection.execute(RuleSQL.view(file, format: format, columns: columns))
        let rules = plan.rowRules(columns, key: key)
        let probes = json == .files ? [] : columns.compactMap { RuleSQL.probe($0, forZero: !json.holdsZero) }
        let counted =
            try connection.row(RuleSQL.counts(rules.map(\.predicate) + probes))?.map { $0.int ?? 0 } ?? []
        let rows = counted.first ?? 0
        let needsRepair = json != .files && (repair.changes > 0 || counted.suffix(probes.count).contains { $0 > 0 })
        if needsRepair { checks.append(Self.representation) }
        checks += CountRules(
            plan: plan, isIncremental: isIncremental, found: rows, declared: declared, previous: previous
        ).checks()
        var failing: [(rule: String, column: String?, predicate: String)] = []
        for (rule, count) in zip(rules, counted.dropFirst()) {
            let holds = Double(count) <= rule.share * Double(rows)
            var samples: [String] = []
            if !holds, let column = rule.column {
                samples = try connection.rows(
                    RuleSQL.samples(column, where: rule.predicate, limit: Self.samples)
                ).map { String(($0.first?.text ?? "(none)").prefix(100)) }
            }
            if count > 0, !holds { failing.append((rule.rule, rule.column, rule.predicate)) }
            checks.append(
                Check(
                    rule: rule.rule, column: rule.column,
                    outcome: holds ? .passed : rule.severity == .warn ? .warned : .failed,
                    message: holds ? rule.passed : "\(count) of \(rows) rows: \(rule.failed)", rows: count,
                    samples: samples))
        }
        if let newest = plan.newest { checks.append(try self.newest(newest, rows, connection)) }
        for custom in plan.custom { checks.append(try self.custom(custom, connection)) }
        var findings = Findings(checks: checks, rows: rows)
        findings.needsRepair = needsRepair
        if !failing.isEmpty {
            try connection.execute(RuleSQL.quarantine(folder + "/" + Self.quarantineName, failing))
            findings.quarantine = Self.quarantineName
        }
        return findings
    }

    /// Said where some rows are loaded in another form than they came in.
    private static let representation = Check(
        rule: "representation", outcome: .warned,
        message:
            "some values have no place at the destination as they are, and are held in another form: U+FFFD for a zero and for half a "
            + "surrogate pair, a string of its digits for a number that is out of range, a string of its text for what is nested over 1,000 deep"
    )

    /// Whether the file has the columns that its manifest says, and those that the rules name.
    private func columnChecks(_ connection: Connection, _ names: [String]) throws -> [Check] {
        var found = names
        if let header = RuleSQL.header(file, format: format, columns: names.count) {
            found = try connection.row(header)?.map { $0.text ?? "" } ?? []
        }
        guard found == names else {
            return [
                Check(
                    rule: "columns", outcome: .failed,
                    message: "the file has the columns \(found.joined(separator: ", ")), and its manifest says "
                        + "\(names.joined(separator: ", ")): it is not the file that was written")
            ]
        }
        var wanted = plan.columns.map(\.name)
        if let column = plan.newest?.column { wanted.append(column) }
        let missing = wanted.filter { !names.contains($0) }
        guard missing.isEmpty else {
            return [
                Check(
                    rule: "columns", column: missing.first, outcome: .failed,
                    message: "there is no column \(missing.map { "\"\($0)\"" }.joined(separator: ", ")); the rows have "
                        + "\(names.joined(separator: ", ")). Was it renamed in \"export\"?")
            ]
        }
        return [Check(rule: "columns", outcome: .passed, message: "all \(names.count) columns are there")]
    }

    private func newest(
        _ rule: ValidationPlan.Newest, _ rows: Int64, _ connection: Connection
    ) throws -> Check {
        let newest = try connection.row(RuleSQL.newest(rule.column))?.first?.int
        let age = newest.map { now.microseconds - $0 }
        // Where nothing came there is nothing that could be old; that nothing comes is what freshness watches.
        let holds = rows == 0 || (age.map { $0 <= rule.age } ?? false)
        let severity = rule.severity ?? plan.severity
        let hours = (age ?? 0) / 3_600_000_000
        return Check(
            rule: "freshness", column: rule.column, outcome: holds ? .passed : severity == .warn ? .warned : .failed,
            message: holds
                ? "the newest \"\(rule.column)\" is new enough"
                : "the newest \"\(rule.column)\" is \(newest.map { Timestamp(microseconds: $0).text } ?? "no time"), \(hours) h ago, and "
                    + "may be \(rule.age / 3_600_000_000) h old")
    }

    private func custom(_ rule: ValidationPlan.Custom, _ connection: Connection) throws -> Check {
        let severity = rule.severity ?? plan.severity
        do {
            let count = try connection.row(RuleSQL.count(of: rule.sql))?.first?.int ?? 0
            return Check(
                rule: "sql", column: nil, outcome: count == 0 ? .passed : severity == .warn ? .warned : .failed,
                message: count == 0 ? "\(rule.name): no row fails" : "\(rule.name): \(count) rows fail", rows: count)
        } catch {
            return Check(rule: "sql", outcome: .failed, message: "\(rule.name): the query failed: \(error.message)")
        }
    }
}
