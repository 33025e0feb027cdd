internal import Model

extension TriggerWhen {
    private static let levels = ["recover_at", "for", "recovered", "cooldown", "at_most"]
    private static let shortest: Int64 = 1_000_000
    private static let longest: Int64 = 31 * 86_400_000_000

    /// `segment`, `column` and `report`; nil for what is none of them.
    static func watched(_ node: TriggerNode) throws(TriggerError) -> TriggerWatch? {
        if let id = node["segment"] {
            try node.allow(["segment", "on", "cooldown", "at_most"])
            guard let text = id.stringValue, !text.isEmpty else {
                throw node.error("segment", "is a saved segment's id")
            }
            return .segment(id: text, on: try node.word("on") ?? .entered)
        }
        if let column = node["column"] {
            try node.allow(["column", "below", "above"] + levels)
            guard let name = column.stringValue, !name.isEmpty else {
                throw node.error("column", "is a computed column's name, such as engagement_score")
            }
            return .column(name: name, try threshold(node, [.below, .above]))
        }
        guard let report = node["report"] else { return nil }
        try node.allow(["report", "value", "below", "above", "drop_percent", "every", "against", "min_base"] + levels)
        guard case .object = report else { throw node.error("report", "is a report, or {\"report_id\": …}") }
        let value = node["value"] ?? "total"
        guard let path = value.stringValue, !path.isEmpty else {
            throw node.error(
                "value", "is where the number is in the report's answer, such as series.0.total or steps.1.conversion")
        }
        let threshold = try threshold(node, Threshold.Side.allCases)
        for name in ["against", "min_base"] where node[name] != nil && threshold.side != .dropPercent {
            throw node.error(name, "goes with drop_percent alone")
        }
        let every = try node.length("every") ?? 300_000_000
        guard (shortest...longest).contains(every) else { throw node.error("every", "is from 1s to 31d") }
        let against = try node.length("against")
        guard against ?? 1 > 0 else { throw node.error("against", "is how long before is compared with, such as 7d") }
        return .report(
            ReportWatch(
                report: report, value: path, threshold: threshold, every: every, against: against,
                leastBase: try node.number("min_base") ?? 1))
    }

    private static func threshold(_ node: TriggerNode, _ sides: [Threshold.Side]) throws(TriggerError) -> Threshold {
        let given = sides.filter { node[$0.rawValue] != nil }
        guard let side = given.first, given.count == 1, let bound = try node.number(side.rawValue) else {
            throw TriggerError(at: node.path, "needs one of \(sides.map(\.rawValue).joined(separator: ", ")): a number")
        }
        if side == .dropPercent, bound <= 0 || bound > 100 {
            throw node.error(side.rawValue, "is more than 0 and at most 100")
        }
        let back = try node.number("recover_at")
        if let back {
            let isBehind = side == .below ? back >= bound : back <= bound
            guard isBehind else {
                throw node.error("recover_at", "is \(side == .below ? "not below" : "not above") \(side.rawValue)")
            }
        }
        let tells = node["recovered"] ?? false
        guard let tells = tells.boolValue else { throw node.error("recovered", "is true or false") }
        var detail = [JSONValue.Member(side.rawValue, node[side.rawValue] ?? .null)]
        if back != nil { detail.append(.init("recover_at", node["recover_at"] ?? .null)) }
        return Threshold(
            side, bound, recoverAt: back, hold: try node.length("for") ?? 0, tellsRecovery: tells, detail: detail)
    }
}

extension TriggerNode {
    func number(_ name: String) throws(TriggerError) -> Double? {
        guard let value = self[name] else { return nil }
        guard case .number(let text) = value, let number = Double(text), number.isFinite else {
            throw error(name, "is a number")
        }
        return number
    }
}
