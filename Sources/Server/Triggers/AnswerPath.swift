internal import Model

/// Where a number is in a report's answer: names and places, from 0, with points between them.
struct AnswerPath {
    /// What there is at a path.
    private enum Found {
        /// A number, or that there is none to be said.
        case value(JSONValue)
        /// Nothing so far: it is in a row of a list that is not there yet.
        case notYet
        /// Nothing, whatever happens.
        case never
    }

    let text: String
    private let parts: [String]

    init(_ text: String) {
        self.text = text
        var parts: [String] = []
        for part in text.split(whereSeparator: { $0 == "." || $0 == "[" || $0 == "]" }) { parts.append(String(part)) }
        if parts.first == "$" { parts.removeFirst() }
        self.parts = parts
    }

    /// A number; null where there is none yet. What is not found is looked for in the only series, or the last step, or the total.
    ///
    /// - Parameter report: what was asked, which says which lists are always as long.
    /// - Throws: `WatchError` where the path leads nowhere whatever is collected.
    func number(in answer: JSONValue, of report: JSONValue) throws(WatchError) -> JSONValue {
        let isDivided = (report["breakdown"] ?? .null) != .null
        var mayCome = false
        for place in Self.places(answer, isDivided: isDivided) {
            switch find(in: place, isDivided: isDivided) {
            case .value(let value): return value
            case .notYet: mayCome = true
            case .never: continue
            }
        }
        if mayCome { return .null }
        throw WatchError("when.value: there is no number at \(text.prefix(128)) in the report's answer")
    }

    /// Where a path may begin.
    private static func places(_ answer: JSONValue, isDivided: Bool) -> [JSONValue] {
        var places = [answer]
        if let series = answer["series"]?.arrayValue {
            if series.count == 1 { places.append(series[0]) }
            // The only one may be still to come.
            if series.isEmpty, isDivided { places.append(["key": .null, "total": .null, "points": .array([])]) }
        }
        if let step = answer["steps"]?.arrayValue?.last { places.append(step) }
        if let total = answer["total"] { places.append(total) }
        return places
    }

    private func find(in json: JSONValue, isDivided: Bool) -> Found {
        var found = json
        var list = ""
        // Whether it is the one that was asked for, and not one like it.
        var isIt = true
        for part in parts {
            switch found {
            case .null: return .notYet
            case .object:
                guard let next = found[part] else { return .never }
                (found, list) = (next, part)
            case .array(let elements):
                let place = part == "last" ? elements.count - 1 : Int(part) ?? -1
                if place < 0, part != "last" { return .never }
                if elements.indices.contains(place) {
                    found = elements[place]
                    continue
                }
                if Self.isFixed(list, isDivided: isDivided), !elements.isEmpty { return .never }
                // All rows of a list have the same members.
                guard let first = elements.first else { return .notYet }
                (found, isIt) = (first, false)
            default: return .never
            }
        }
        switch found {
        case .number, .null: return isIt ? .value(found) : .notYet
        default: return .never
        }
    }

    /// Whether a list is as long as the question says, whatever happened.
    private static func isFixed(_ list: String, isDivided: Bool) -> Bool {
        switch list {
        case "steps", "values", "percent", "cumulative": true
        case "series": !isDivided
        default: false
        }
    }

    /// Where an answer has numbers, of the first of each list.
    static func numbers(in answer: JSONValue) -> [String] {
        var found: [String] = []
        for name in ["total", "series", "steps", "groups", "rows", "points"] {
            if let part = answer[name] { look(part, name, &found) }
        }
        if found.isEmpty { look(answer, "", &found) }
        return found
    }

    private static func look(_ json: JSONValue, _ path: String, _ found: inout [String]) {
        guard found.count < 12 else { return }
        switch json {
        case .number: found.append(path)
        case .object(let members):
            for member in members { look(member.value, path.isEmpty ? member.key : "\(path).\(member.key)", &found) }
        case .array(let elements):
            for place in 0..<min(2, elements.count) { look(elements[place], "\(path).\(place)", &found) }
        default: break
        }
    }
}
