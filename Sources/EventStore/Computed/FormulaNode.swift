internal import Model

/// A part of a formula's JSON, and where it is.
struct FormulaNode {
    let json: JSONValue
    let path: String

    init(_ json: JSONValue, _ path: String) {
        self.json = json
        self.path = path
    }

    /// A member; null counts as not given.
    subscript(key: String) -> FormulaNode? {
        guard let value = json[key], value != .null else { return nil }
        return FormulaNode(value, "\(path).\(key)")
    }

    func needed(_ key: String) throws(QueryError) -> FormulaNode {
        guard let node = self[key] else { throw error("\"\(key)\" is missing") }
        return node
    }

    /// Checks that it is an object of these members and no others.
    func check(_ fields: [String]) throws(QueryError) {
        for (name, _) in try members() where !fields.contains(name) {
            throw error("there is no \"\(name.prefix(64))\"; there are \(fields.joined(separator: ", "))")
        }
    }

    func members() throws(QueryError) -> [(name: String, node: FormulaNode)] {
        guard case .object(let members) = json else { throw error("an object should be here, not \(json.kindName)") }
        return members.map { ($0.key, FormulaNode($0.value, "\(path).\($0.key.prefix(64))")) }
    }

    func elements() throws(QueryError) -> [FormulaNode] {
        guard let elements = json.arrayValue else { throw error("a list should be here, not \(json.kindName)") }
        return elements.enumerated().map { FormulaNode($1, "\(path)[\($0)]") }
    }

    /// A text, or a list of at least one.
    func texts() throws(QueryError) -> [String] {
        let nodes = json.arrayValue == nil ? [self] : try elements()
        guard (1...Condition.mostValues).contains(nodes.count) else {
            throw error("1 to \(Condition.mostValues) texts should be here")
        }
        var texts: [String] = []
        for node in nodes {
            guard let text = node.json.stringValue, !text.isEmpty else { throw node.error("a text should be here") }
            texts.append(text)
        }
        return texts
    }

    func choice<T: RawRepresentable<String> & CaseIterable>() throws(QueryError) -> T {
        guard let choice = json.stringValue.flatMap(T.init(rawValue:)) else {
            throw error("one of \(T.allCases.map(\.rawValue).joined(separator: ", ")) should be here")
        }
        return choice
    }

    /// A duration of whole days.
    func days(atMost longest: Int64) throws(QueryError) -> Int64 {
        let day: Int64 = 86_400_000_000
        guard let text = json.stringValue, let duration = Durations.microseconds(text), duration % day == 0,
            (1...longest).contains(duration / day)
        else { throw error("a number of days such as 30d or 4w should be here") }
        return duration / day
    }

    /// A number as written, of which a double can be made.
    func number() throws(QueryError) -> String {
        // Without an exponent: the engine reads none of many digits where a decimal is wanted.
        guard case .number(let text) = json, let value = Double(text), abs(value) < 1e15, text.utf8.count <= 40,
            !text.contains(where: { "eE".contains($0) })
        else { throw error("a number below 1e15, written without an exponent, should be here") }
        return text
    }

    func term(of terms: Set<String>) throws(QueryError) -> String {
        guard let name = json.stringValue, terms.contains(name) else {
            throw error("the name of a term should be here: one of \(terms.sorted().joined(separator: ", "))")
        }
        return name
    }

    /// What a case comes to.
    func result() throws(QueryError) -> JSONValue {
        if let text = json.stringValue {
            guard text.utf8.count <= 255 else { throw error("a text has at most 255 bytes") }
            return json
        }
        _ = try number()
        return json
    }

    /// A condition on one event, in which no time depends on when it is read.
    func eventCondition() throws(QueryError) -> Condition {
        let condition = try Condition(json, path: path) { (text, path) throws(QueryError) in
            guard let time = WrittenTime(text)?.timestamp(), time.isInRange else {
                throw QueryError(
                    .invalidCondition, at: path,
                    "a formula's times stand fast, as in 2026-01-31T12:00:00Z; \"within\" looks back from each day")
            }
            return time
        }
        var needs = PersonNeeds()
        _ = try condition.sql(
            QueryScope(row: .eventAlone, asOf: 0, personMap: .empty, personID: .empty), &needs, path: path)
        return condition
    }

    func error(_ reason: String) -> QueryError { QueryError(.invalidColumn, at: path, reason) }
}
