/// The rules about how many rows there are: pure, since a count is all that they look at.
struct CountRules: Sendable {
    let plan: ValidationPlan
    let isIncremental: Bool
    /// Rows in the file, and those that its manifest says.
    let found: Int64
    let declared: Int64
    /// Rows of the last runs, newest first.
    let previous: [Int64]

    /// By how much everything may shrink where nobody says: less is more often an accident than not.
    static let standardDrop = 0.9

    func checks() -> [Check] {
        var checks = [complete]
        if !isIncremental || plan.isNotEmpty { checks.append(notEmpty) }
        let limits = plan.rowCount
        let severity = limits?.severity ?? plan.severity
        if let least = limits?.least {
            checks.append(
                check(
                    "row_count.min", found >= least, severity, "there are at least \(least) rows",
                    "there are \(found) rows, and should be at least \(least)"))
        }
        if let most = limits?.most {
            checks.append(
                check(
                    "row_count.max", found <= most, severity, "there are at most \(most) rows",
                    "there are \(found) rows, and should be at most \(most)"))
        }
        if let drop = limits?.drop ?? (isIncremental ? nil : Self.standardDrop), let usual {
            let least = Double(usual) * (1 - drop)
            checks.append(
                check(
                    "row_count.max_drop", Double(found) >= least, severity,
                    "\(found) rows are not much fewer than the usual \(usual)",
                    "there are \(found) rows where there are usually \(usual) (the median of the last \(previous.count) runs): "
                        + "\(percent(found, of: usual)) fewer, and at most \(Self.percent(drop)) are let pass. If so many really are "
                        + "gone, say so with row_count: { max_drop: 100% }"))
        }
        if let rise = limits?.rise, let usual {
            checks.append(
                check(
                    "row_count.max_rise", Double(found) <= Double(usual) * (1 + rise), severity,
                    "\(found) rows are not much more than the usual \(usual)",
                    "there are \(found) rows where there are usually \(usual), and at most \(Self.percent(rise)) more are let pass"
                ))
        }
        return checks
    }

    /// A file that was cut off is never loaded, whatever the rules say.
    private var complete: Check {
        check(
            "complete", found == declared, .stop, "the file has all \(declared) rows",
            "the file has \(found) rows, and its manifest says \(declared): it was cut off or changed after it was written; the next "
                + "run writes it anew")
    }

    private var notEmpty: Check {
        check(
            "not_empty", found > 0, plan.severity, "there are rows",
            "there are no rows. Nothing was loaded, so that what is there stays; is the condition in \"export\" right?")
    }

    /// The median of the last runs; nil if there were none, or nothing in them.
    private var usual: Int64? {
        let sorted = previous.sorted()
        guard !sorted.isEmpty, sorted[sorted.count / 2] > 0 else { return nil }
        return sorted[sorted.count / 2]
    }

    private func percent(_ found: Int64, of usual: Int64) -> String {
        Self.percent(1 - Double(found) / Double(usual))
    }

    private static func percent(_ share: Double) -> String { "\(Int((share * 100).rounded())) %" }

    private func check(
        _ rule: String, _ holds: Bool, _ severity: ValidationPlan.Severity, _ passed: String, _ failed: String
    ) -> Check {
        Check(
            rule: rule, outcome: holds ? .passed : severity == .warn ? .warned : .failed,
            message: holds ? passed : failed)
    }
}
