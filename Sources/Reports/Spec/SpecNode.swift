internal import EventStore
internal import Model

/// A value of a report's specification and where it stands, so that an error names the node: `steps[1].event`.
struct SpecNode {
    let json: JSONValue
    let path: String

    init(_ json: JSONValue, path: String = "") {
        self.json = json
        self.path = path
    }

    /// The member under a key; nil if it is not given, or null.
    subscript(key: String) -> SpecNode? {
        guard let value = json[key], value != .null else { return nil }
        return SpecNode(value, path: path.isEmpty ? key : "\(path).\(key)")
    }

    /// The member that has to be there.
    func needed(_ key: String, _ what: String) throws(QueryError) -> SpecNode {
        guard let node = self[key] else { throw error("\"\(key)\" is missing: \(what)") }
        return node
    }

    /// Refuses what is no object, and keys that nobody reads.
    func check(_ fields: [String], _ what: String) throws(QueryError) {
        guard case .object(let members) = json else { throw error("\(what) is an object, not \(json.kindName)") }
        for member in members where !fields.contains(member.key) {
            throw error("there is no \"\(member.key)\"; there are \(fields.joined(separator: ", "))")
        }
    }

    func text(_ what: String) throws(QueryError) -> String {
        guard let text = json.stringValue, !text.isEmpty else {
            throw error("\(what) should be here, not \(json.stringValue == nil ? json.kindName : "an empty text")")
        }
        return text
    }

    func whole(in range: ClosedRange<Int64>) throws(QueryError) -> Int64 {
        guard let number = json.intValue, range.contains(number) else {
            throw error("a whole number from \(range.lowerBound) to \(range.upperBound) should be here")
        }
        return number
    }

    func choice<T: RawRepresentable<String> & CaseIterable>(_ type: T.Type = T.self) throws(QueryError) -> T {
        guard let text = json.stringValue, let choice = T(rawValue: text) else {
            throw error("one of \(T.allCases.map(\.rawValue).joined(separator: ", ")) should be here")
        }
        return choice
    }

    /// A duration such as `7d`, in microseconds, above zero.
    ///
    /// - Parameter longest: in whole days.
    func duration(upTo longest: Int64) throws(QueryError) -> Int64 {
        let text = json.stringValue ?? ""
        guard let microseconds = Durations.microseconds(text), (1...longest).contains(microseconds) else {
            let found = text.isEmpty ? json.kindName : text.prefix(64).description
            let days = longest / Interval.day.microseconds
            throw error("a duration from 1s to \(days)d, such as 7d (s m h d w), should be here, not \(found)")
        }
        return microseconds
    }

    func elements(_ range: ClosedRange<Int>, _ what: String) throws(QueryError) -> [SpecNode] {
        guard let elements = json.arrayValue, range.contains(elements.count) else {
            throw error("a list of \(range.lowerBound) to \(range.upperBound) \(what) should be here")
        }
        return elements.enumerated().map { SpecNode($1, path: "\(path)[\($0)]") }
    }

    func error(_ reason: String) -> QueryError {
        QueryError(.invalidReport, at: path.isEmpty ? "report" : path, reason)
    }
}
