internal import Model

/// A part of a document that remembers where it stood, read from YAML or from JSON.
struct DocumentNode: Sendable {
    indirect enum Content: Sendable {
        /// A text, number, truth or null.
        case scalar(JSONValue)
        case list([DocumentNode])
        case map([Entry])
    }

    struct Entry: Sendable {
        let key: String
        let keyPlace: PipelineError.Place?
        let value: DocumentNode
    }

    let content: Content
    let place: PipelineError.Place?
    /// What it is called within the document: `load.mode`; empty for the whole.
    let path: String

    /// The same without places.
    var json: JSONValue {
        switch content {
        case .scalar(let value): value
        case .list(let nodes): .array(nodes.map(\.json))
        case .map(let entries): .object(entries.map { .init($0.key, $0.value.json) })
        }
    }

    /// A document that has no places.
    init(json: JSONValue, path: String = "") {
        self.path = path
        place = nil
        content =
            switch json {
            case .object(let members):
                .map(
                    members.map { member in
                        Entry(
                            key: member.key, keyPlace: nil,
                            value: DocumentNode(json: member.value, path: Self.join(path, member.key)))
                    })
            case .array(let values):
                .list(values.enumerated().map { DocumentNode(json: $1, path: "\(path)[\($0 + 1)]") })
            default: .scalar(json)
            }
    }

    init(_ content: Content, at place: PipelineError.Place?, path: String) {
        self.content = content
        self.place = place
        self.path = path
    }

    static func join(_ path: String, _ key: String) -> String { path.isEmpty ? key : path + "." + key }

    /// An error of this place.
    func error(_ message: String) -> PipelineError {
        PipelineError(.badDefinition, path.isEmpty ? message : "\(path): \(message)", at: place)
    }
}

/// Reading values, each with an error that names its place.
extension DocumentNode {
    /// The entries of a map in which only these keys may be.
    func map(_ keys: [String]) throws(PipelineError) -> [String: DocumentNode] {
        var errors = ErrorList()
        let found = try errors.map(self, keys)
        try errors.finish()
        return found
    }

    /// The error of an entry that there is none of.
    func unknown(_ entry: Entry, _ keys: [String]) -> PipelineError {
        let near = keys.first { Self.isNear($0, entry.key) }.map { "; did you mean \"\($0)\"?" } ?? ""
        return PipelineError(
            .badDefinition,
            "\(path.isEmpty ? "" : path + ": ")there is no \"\(entry.key)\"; there are \(keys.joined(separator: ", "))\(near)",
            at: entry.keyPlace)
    }

    func entries() throws(PipelineError) -> [Entry] {
        guard case .map(let entries) = content else { throw error("here should be names with values") }
        return entries
    }

    func list() throws(PipelineError) -> [DocumentNode] {
        guard case .list(let nodes) = content else { throw error("here should be a list") }
        return nodes
    }

    func text(_ what: String = "a text", atMost most: Int = 1_000) throws(PipelineError) -> String {
        guard case .scalar(.string(let text)) = content, text.utf8.count <= most, !text.utf8.contains(0) else {
            throw error("here should be \(what)")
        }
        return text
    }

    /// One text, or a list of texts.
    func texts(_ what: String) throws(PipelineError) -> [String] {
        guard case .list(let nodes) = content else { return [try text(what)] }
        var all: [String] = []
        for node in nodes { all.append(try node.text(what)) }
        return all
    }

    func truth() throws(PipelineError) -> Bool {
        guard case .scalar(.bool(let value)) = content else { throw error("here should be true or false") }
        return value
    }

    func integer(_ range: ClosedRange<Int64>) throws(PipelineError) -> Int64 {
        guard case .scalar(let value) = content, let number = value.intValue, range.contains(number) else {
            throw error("here should be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// A number, with its digits as written.
    func number() throws(PipelineError) -> String {
        guard case .scalar(.number(let digits)) = content else { throw error("here should be a number") }
        return digits
    }

    /// A duration such as `30m`, in microseconds.
    func duration() throws(PipelineError) -> Int64 {
        guard case .scalar(.string(let text)) = content, let length = Durations.microseconds(text) else {
            throw error("here should be a duration such as 30s, 10m, 26h or 7d")
        }
        return length
    }

    /// A share: `90%`, or a number from 0 to 1.
    func share() throws(PipelineError) -> Double {
        switch content {
        case .scalar(.string(let text)) where text.hasSuffix("%"):
            if let percent = Double(text.dropLast()), (0...100).contains(percent) { return percent / 100 }
        case .scalar(.number(let digits)):
            if let share = Double(digits), (0...1).contains(share) { return share }
        default: break
        }
        throw error("here should be a share such as 90%, or a number from 0 to 1")
    }

    func choice<T: RawRepresentable<String> & CaseIterable>(_ type: T.Type) throws(PipelineError) -> T {
        guard case .scalar(.string(let text)) = content, let choice = T(rawValue: text) else {
            throw error("here should be one of \(T.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return choice
    }

    /// Whether a word is another one with a slip of the pen: one letter too many, too few, or another.
    static func isNear(_ a: String, _ b: String) -> Bool {
        let (a, b) = (Array(a), Array(b))
        guard abs(a.count - b.count) <= 1, a.count > 2 else { return false }
        let start = zip(a, b).prefix { $0 == $1 }.count
        let end = zip(a.reversed(), b.reversed()).prefix { $0 == $1 }.count
        return start + end >= max(a.count, b.count) - 1
    }
}
