/// What is looked for in rows: the rows of which `predicate` holds fail.
struct RowRule {
    let rule: String
    let column: String?
    let predicate: String
    let severity: ValidationPlan.Severity
    let passed: String
    let failed: String
    /// How large a share of rows may fail.
    var share = 0.0
}

extension ValidationPlan {
    /// All rules for the rows of a file.
    ///
    /// - Parameters:
    ///   - columns: those of the file, with a manifest's types.
    ///   - key: by what rows find those that are there; empty where none does.
    func rowRules(_ columns: [(name: String, type: String)], key: [String]) -> [RowRule] {
        var rules: [RowRule] = []
        for (name, type) in columns {
            let own = self.columns.first { $0.name == name }
            let wanted = own?.type?.rawValue ?? type
            guard let predicate = RuleSQL.isNoValue(of: wanted, name) else { continue }
            rules.append(
                RowRule(
                    rule: "type", column: name, predicate: predicate, severity: own?.severity ?? severity,
                    passed: "every value is of the type \(wanted)",
                    failed: "\"\(name)\" has values that are no \(wanted)"))
        }
        for column in self.columns { rules += self.rules(column) }
        if !key.isEmpty {
            rules.append(
                RowRule(
                    rule: "key", column: key.first, predicate: RuleSQL.hasNoKey(key), severity: .warn,
                    passed: "every row has a key",
                    failed:
                        "\(key.map { "\"\($0)\"" }.joined(separator: ", ")) is missing, by which rows are found: they were put aside, "
                        + "and are not loaded"))
        }
        return rules
    }

    private func rules(_ column: Column) -> [RowRule] {
        let (name, severity) = (column.name, column.severity ?? self.severity)
        var rules: [RowRule] = []
        func add(_ rule: String, _ predicate: String, _ passed: String, _ failed: String, share: Double = 0) {
            rules.append(
                RowRule(
                    rule: rule, column: name, predicate: predicate, severity: severity, passed: passed, failed: failed,
                    share: share))
        }
        if column.isRequired {
            add("required", RuleSQL.isMissing(name), "every row has a value", "\"\(name)\" is missing")
        }
        if let share = column.nullShare {
            add(
                "max_nulls", RuleSQL.isMissing(name), "few enough rows have no value",
                "\"\(name)\" is missing, and at most \(Int((share * 100).rounded())) % may be", share: share)
        }
        if column.isUnique {
            add(
                "unique", RuleSQL.isRepeated(name), "no value is there twice",
                "\"\(name)\" has a value that is there twice")
        }
        if let pattern = column.matches {
            add(
                "matches", RuleSQL.doesNotMatch(name, pattern), "every value matches \(pattern)",
                "\"\(name)\" does not match \(pattern)")
        }
        if !column.accepted.isEmpty {
            add(
                "accepted", RuleSQL.isNotAmong(name, column.accepted), "every value is among the accepted ones",
                "\"\(name)\" is none of \(column.accepted.joined(separator: ", "))")
        }
        if column.least != nil || column.most != nil {
            let range = [column.least.map { "at least \($0)" }, column.most.map { "at most \($0)" }].compactMap { $0 }
                .joined(separator: " and ")
            add(
                "range", RuleSQL.isOutside(name, least: column.least, most: column.most), "every value is \(range)",
                "\"\(name)\" is not \(range)")
        }
        return rules
    }
}
