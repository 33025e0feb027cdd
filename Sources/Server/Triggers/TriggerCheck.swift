internal import Control
internal import EventStore
internal import Model
internal import Reports
internal import Triggers

extension TriggerRoutes {
    /// Reads `when`, and looks whether there is what it is to watch: what could never fire is refused.
    @discardableResult
    static func check(_ when: JSONValue, _ exchange: Exchange) async throws -> TriggerWhen {
        let read = try TriggerWhen.read(when).0
        guard case .watched(let watch) = read else {
            try await ComparedTexts(when).check(exchange)
            if let still = read.still { try await check(still: still, exchange) }
            return read
        }
        switch watch {
        case .segment(let id, _):
            guard exchange.proposed.segments[id] == nil else { break }
            guard try await exchange.app.control.segment(id, project: try exchange.project().name) != nil else {
                throw impossible("when.segment", "there is no segment \(id.prefix(64))")
            }
        case .column(let name, let threshold): try check(column: name, threshold, exchange)
        case .report(let report): try await check(report, exchange)
        }
        return read
    }

    /// What cannot be asked of people, or not by this key, is refused now.
    private static func check(still json: JSONValue, _ exchange: Exchange) async throws {
        let runtime = try exchange.project()
        let segments = SavedSegments(
            control: exchange.app.control, store: runtime.store, project: runtime.name, columns: runtime.columns,
            proposed: exchange.proposed.segments)
        let tree = try await segments.condition(json, path: "when.still", at: exchange.receivedAt).tree
        var needs = PersonNeeds()
        _ = try tree.sql(
            QueryScope(row: .person, asOf: 0, personMap: "identities", personID: "q.person_id"), &needs,
            path: "when.still")
        try exchange.requireColumns(tree.needs(in: .people))
    }

    private static func check(column name: String, _ threshold: Threshold, _ exchange: Exchange) throws {
        let columns = try exchange.project().columns
        guard let entry = columns.entry(name) else {
            let known = columns.entries.map(\.name).joined(separator: ", ")
            throw impossible("when.column", "there is no computed column \"\(name.prefix(64))\"; there are \(known)")
        }
        guard entry.formula.mayBeNumber else {
            throw impossible(
                "when.\(threshold.side.rawValue)",
                "\"\(name)\" has texts as values, which are neither above nor below a number; save a segment of it "
                    + "({\"column\": \"\(name)\", \"is\": …}) and watch who enters that")
        }
    }

    private static func check(_ watch: ReportWatch, _ exchange: Exchange) async throws {
        for field in ["as_of", "as_of_seq"] where watch.report[field] != nil {
            throw TriggerError(at: "when.report.\(field)", "has no place here: it is asked as of each moment")
        }
        let json = try await exchange.namedReport(watch.report)
        let frame = try ReportRunner.check(json, now: exchange.receivedAt).frame
        if watch.threshold.side == .dropPercent, watch.against == nil, frame.from == nil {
            throw TriggerError(
                at: "when.report.from", "is missing: what drops is compared with the range before, such as -1d")
        }
        // Where its answer has the number is seen in one; a report that takes long is taken as it is.
        let runtime = try exchange.project()
        let answer: ReportAnswer
        do {
            answer = try await ReportRunner.run(
                json, on: runtime.store, asOfSeq: runtime.store.appliedSeq, now: exchange.receivedAt,
                limit: .seconds(5))
        } catch {
            try Task.checkCancellation()
            return
        }
        let document = answer.json(milliseconds: 0)
        do { _ = try AnswerPath(watch.value).number(in: document, of: json) } catch {
            let known = AnswerPath.numbers(in: document).joined(separator: ", ")
            throw impossible(
                "when.value",
                "the report's answer has no number at \"\(watch.value.prefix(64))\"; it has some at \(known)")
        }
    }

    static func impossible(_ path: String, _ reason: String) -> TriggerError {
        TriggerError(at: path, reason, isImpossible: true)
    }
}

extension ComputedFormula {
    /// Whether any of its values is a number.
    fileprivate var mayBeNumber: Bool {
        switch value {
        case .term, .weights: true
        case .cases(let cases, let otherwise):
            (cases.map(\.value) + [otherwise]).contains { if case .number = $0 { true } else { false } }
        }
    }
}

/// Where `when` asks whether a property is more or less than a text.
private struct ComparedTexts {
    private var found: [(path: String, name: String, text: String)] = []

    init(_ when: JSONValue) {
        for path in [[], ["absent"], ["count"], ["silence"]] {
            guard let condition = path.reduce(when, { $0[$1] ?? .null })["where"] else { continue }
            look(condition, (["when"] + path + ["where"]).joined(separator: "."))
        }
    }

    private mutating func look(_ condition: JSONValue, _ path: String) {
        for name in ["all", "any"] {
            for (place, part) in (condition[name]?.arrayValue ?? []).enumerated() {
                look(part, "\(path).\(name)[\(place)]")
            }
        }
        if let part = condition["not"] { look(part, path + ".not") }
        guard let name = condition["property"]?.stringValue else { return }
        for comparison in ["gt", "gte", "lt", "lte"] {
            guard let text = condition[comparison]?.stringValue, WrittenTime(text) == nil else { continue }
            found.append(("\(path).\(comparison)", name, text))
        }
    }

    /// Refuses those of properties that have been numbers whenever they came: a text is compared by its characters, which says nothing of
    /// numbers.
    func check(_ exchange: Exchange) async throws {
        guard !found.isEmpty else { return }
        let runtime = try exchange.project()
        let counts = try await runtime.catalogue.counts(runtime.store, through: try await runtime.pin(exchange))
        for one in found {
            guard let entry = counts.eventProperties.first(where: { $0.name == one.name }) else { continue }
            let kinds = zip(CatalogueCounts.ValueKind.allCases, entry.kinds).filter { $0.1 > 0 && $0.0 != .null }
            guard kinds.map(\.0) == [.number] else { continue }
            throw TriggerRoutes.impossible(
                one.path,
                "\"\(one.name.prefix(64))\" has always been a number, and \"\(one.text.prefix(64))\" is none; write a number without quotes"
            )
        }
    }
}
