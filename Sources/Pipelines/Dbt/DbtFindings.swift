internal import Model

/// What `run_results.json` says of a build: a check for each model and each test.
struct DbtFindings: Sendable, Equatable {
    /// The failures first.
    let checks: [Check]
    /// What was built, for people.
    let note: String
    /// Whether something failed other than a test, such as a connection: trying again may help.
    let isTransient: Bool

    /// The checks that failed, or would have.
    var failed: [Check] { checks.filter { $0.outcome == .failed } }

    /// So many checks are kept.
    private static let most = 1_000

    /// - Parameter isWarning: whether what fails is noted only.
    init(_ bytes: [UInt8], _ redact: Redaction, isWarning: Bool) throws(PipelineError) {
        let document: JSONValue
        do { document = try JSONValue(bytes.span) } catch {
            throw PipelineError(.dbt, "run_results.json of dbt cannot be read", isTransient: true)
        }
        guard let results = document["results"]?.arrayValue else {
            throw PipelineError(.dbt, "run_results.json of dbt has no results", isTransient: true)
        }
        var found: [Check] = []
        var (models, tests, failures, hasError) = (0, 0, 0, false)
        for result in results {
            guard let id = result["unique_id"]?.stringValue, let status = result["status"]?.stringValue else {
                continue
            }
            // model.package.name, test.package.name.hash
            let parts = id.split(separator: ".", maxSplits: 2).map(String.init)
            guard parts.count == 3, parts[0] != "exposure" else { continue }
            let isTest = parts[0] == "test" || parts[0] == "unit_test"
            let name = isTest ? Self.withoutHash(parts[2]) : parts[2]
            let outcome: Check.Outcome
            switch status {
            case "success", "pass", "no-op", "reused": outcome = .passed
            case "warn", "skipped": outcome = .warned
            default:
                outcome = isWarning ? .warned : .failed
                failures += 1
                // What a test finds wrong stays wrong.
                if status != "fail" { hasError = true }
            }
            if isTest { tests += 1 } else { models += 1 }
            found.append(
                Check(
                    rule: isTest ? "dbt_test" : "dbt_\(parts[0])", outcome: outcome,
                    message: redact(Self.message(name, status, result, isTest: isTest)),
                    rows: isTest ? result["failures"]?.intValue : nil))
        }
        let order: [Check.Outcome] = [.failed, .warned, .passed]
        checks = Array(order.flatMap { outcome in found.filter { $0.outcome == outcome } }.prefix(Self.most))
        isTransient = hasError
        let all = "\(models) model\(models == 1 ? "" : "s") and \(tests) test\(tests == 1 ? "" : "s")"
        note = failures == 0 ? "dbt built \(all)" : "\(failures) of dbt's \(all) failed"
    }

    private static func withoutHash(_ name: String) -> String {
        // Generic tests end in a hash that only dbt needs.
        guard let dot = name.lastIndex(of: "."), name.distance(from: dot, to: name.endIndex) == 11 else { return name }
        return String(name[..<dot])
    }

    private static func message(_ name: String, _ status: String, _ result: JSONValue, isTest: Bool) -> String {
        var seconds = ""
        if case .number(let digits)? = result["execution_time"], let time = Double(digits) {
            seconds = " in \((time * 100).rounded() / 100) s"
        }
        let said = (result["message"]?.stringValue ?? "").split(whereSeparator: \.isNewline)
            .map { $0.drop(while: \.isWhitespace) }.filter { !$0.isEmpty }.joined(separator: " ")
        switch status {
        case "pass": return "\(name) holds\(seconds)"
        case "success", "no-op", "reused":
            let rows =
                result["adapter_response"]?["rows_affected"]?.intValue.flatMap { $0 < 0 ? nil : ", \($0) rows" } ?? ""
            return "\(name) was built\(seconds)\(rows)"
        case "skipped": return "\(name) was skipped: something that it is built from failed"
        default: return String("\(name): \(isTest && status == "fail" ? "the test fails; " : "")\(said)".prefix(600))
        }
    }
}
