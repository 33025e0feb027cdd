internal import Model

/// The nodes `sequence` and `segment`.
extension ConditionParser {
    mutating func sequence(
        _ json: JSONValue, _ members: [JSONValue.Member], _ path: String, depth: Int, times: Condition.Times
    ) throws(QueryError) -> EventSequence {
        for member in members where !["sequence", "window", "within"].contains(member.key) {
            throw error(path, "\"\(member.key)\" does not go with \"sequence\"; there are window, within")
        }
        let counts = EventSequence.stepCounts
        guard let elements = json["sequence"]?.arrayValue, counts.contains(elements.count) else {
            throw error(
                "\(path).sequence",
                "a list of \(counts.lowerBound) to \(counts.upperBound) steps, each with an \"event\", should be here")
        }
        var steps: [EventSequence.Step] = []
        for (i, element) in elements.enumerated() {
            steps.append(try step(element, "\(path).sequence[\(i)]", depth: depth, times: times))
        }
        var longest: Int64?
        if let value = json["window"] {
            guard let text = value.stringValue, let length = Durations.microseconds(text),
                (1...EventSequence.longestWindow).contains(length)
            else { throw error("\(path).window", "a duration such as 7d (s m h d w), at most 10000d, should be here") }
            longest = length
        }
        return EventSequence(steps, longest: longest, window: try window(json, path, times))
    }

    private mutating func step(
        _ json: JSONValue, _ path: String, depth: Int, times: Condition.Times
    ) throws(QueryError) -> EventSequence.Step {
        guard case .object(let members) = json else {
            throw error(path, "a step is an object with \"event\", not \(json.kindName)")
        }
        for member in members where !["event", "where"].contains(member.key) {
            throw error(path, "there is no \"\(member.key)\" in a step; there are event, where")
        }
        let names = try names(json["event"] ?? .null, "\(path).event")
        return EventSequence.Step(names, test: try eventTest(json, path, depth, times))
    }

    /// A saved segment with its condition beside it, as whoever knows segments writes it.
    mutating func segment(
        _ json: JSONValue, _ members: [JSONValue.Member], _ path: String, depth: Int, times: Condition.Times
    ) throws(QueryError) -> Condition {
        for member in members where !["segment", "version", "where"].contains(member.key) {
            throw error(path, "\"\(member.key)\" does not go with \"segment\"")
        }
        guard json["segment"]?.stringValue != nil else {
            throw error("\(path).segment", "a segment's id should be here")
        }
        guard let tree = json["where"] else {
            throw error(path, "saved segments are not known here; write the segment's condition in its place")
        }
        return try node(tree, "\(path).where", depth: depth + 1, times: times)
    }
}
