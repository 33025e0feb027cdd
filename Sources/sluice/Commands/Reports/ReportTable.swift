import Model

/// An answer as people read it.
enum ReportTable {
    static func text(_ answer: JSONValue) -> String {
        let table =
            switch answer["type"]?.stringValue {
            case "funnel": funnel(answer)
            case "cohort": cohort(answer)
            default: metric(answer)
            }
        let looked = answer["looked_at"]
        return """
            \(table)
            \(Text.count(looked?["events"]?.intValue ?? 0, "event")) of \(people(looked?["people"]?.intValue ?? 0)) \
            looked at in \(answer["query_ms"]?.intValue ?? 0) ms, as of \(Text.plain(answer["as_of"])), \
            times in \(Text.plain(answer["timezone"]))
            """
    }

    private static func people(_ count: Int64) -> String { count == 1 ? "1 person" : "\(Text.count(count)) people" }

    private static func funnel(_ answer: JSONValue) -> String {
        var rows = steps(answer["steps"])
        for group in answer["groups"]?.arrayValue ?? [] {
            rows.append([key(group)])
            rows += steps(group["steps"])
        }
        return Text.table([["STEP", "PEOPLE", "TIMES", "OF FIRST", "OF LAST", "MEDIAN", "P90"]] + rows)
    }

    private static func steps(_ steps: JSONValue?) -> [[String]] {
        (steps?.arrayValue ?? []).enumerated().map { (i, step) in
            [
                "\(i + 1) \(Text.plain(step["event"]))", count(step["people"]), count(step["times"]),
                share(step["conversion"]), share(step["step_conversion"]), time(step["median_seconds"]),
                time(step["p90_seconds"]),
            ]
        }
    }

    private static func cohort(_ answer: JSONValue) -> String {
        let rows = answer["rows"]?.arrayValue ?? []
        let periods = rows.first?["values"]?.arrayValue?.count ?? 0
        let list = rows.map { row in
            [row["other"]?.boolValue == true ? "(others)" : plain(row["cohort"]), count(row["people"])]
                + (row["values"]?.arrayValue ?? []).map { count($0) }
        }
        return Text.table([["COHORT", "PEOPLE"] + (0..<periods).map(String.init)] + list)
    }

    private static func metric(_ answer: JSONValue) -> String {
        let series = answer["series"]?.arrayValue ?? []
        let points = series.map { $0["points"]?.arrayValue ?? [] }
        let heads = series.count == 1 && series[0]["key"] == .null ? ["VALUE"] : series.map(key)
        let list = (points.first ?? []).indices.map { i in
            [plain(points[0][i]["t"])] + points.map { Text.plain($0[i]["value"]) }
        }
        let total = ["total"] + series.map { Text.plain($0["total"]) }
        return Text.table([["FROM"] + heads] + list + [total])
    }

    private static func key(_ group: JSONValue) -> String {
        group["other"]?.boolValue == true ? "(others)" : plain(group["key"])
    }

    private static func plain(_ value: JSONValue?) -> String {
        value == .null || value == nil ? "(none)" : Text.plain(value)
    }

    private static func count(_ value: JSONValue?) -> String { value?.intValue.map { Text.count($0) } ?? "" }

    private static func share(_ value: JSONValue?) -> String {
        guard case .number(let text)? = value, let share = Double(text) else { return "" }
        return "\((share * 1_000).rounded() / 10) %"
    }

    private static func time(_ value: JSONValue?) -> String {
        guard case .number(let text)? = value, let seconds = Double(text) else { return "" }
        return Text.seconds(seconds)
    }
}
