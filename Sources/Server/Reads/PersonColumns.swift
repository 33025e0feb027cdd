internal import EventStore
internal import Model
internal import People

/// The columns of people that an answer has: those that are asked for, under the names by which exports have them, or all of the
/// person's document.
struct PersonColumns: Sendable {
    /// Nil for the whole document.
    private let columns: [ColumnExpression]?

    /// The whole document.
    static let all = PersonColumns()

    private init() { columns = nil }

    /// - Parameters:
    ///   - computed: the computed columns that there are.
    ///   - texts: built-in columns of people and `person.NAME` or `properties.NAME`, each with `as NAME` if need be.
    init(_ texts: [String], _ computed: [ComputedColumn]) throws(QueryError) {
        let columns = try ColumnExpression.parse(texts, dataset: .people, computed: computed)
        for (place, column) in columns.enumerated() {
            switch column.source {
            case .builtin, .person, .property, .computed: if column.cast == nil { continue }
            case .allProperties, .event: break
            }
            throw QueryError(
                .invalidColumn, at: "columns[\(place)]",
                "only exports have this; here are \((Dataset.people.columns.map(\.rawValue) + computed.map(\.name)).joined(separator: ", ")), person.NAME"
            )
        }
        self.columns = columns
    }

    /// What the answer tells of people.
    var needs: Set<ColumnNeed> {
        columns.map { Set($0.map { $0.need(in: .people) }) } ?? PeopleRoutes.personColumns
    }

    /// The computed columns that an answer needs.
    ///
    /// - Parameter all: those that the caller may see.
    func computed(of all: [ComputedColumn]) -> [ComputedColumn] {
        guard let columns else { return all }
        let names = Set(columns.compactMap { if case .computed(let column) = $0.source { column.name } else { nil } })
        return all.filter { names.contains($0.name) }
    }

    /// A person with these columns.
    func document(_ person: Person, _ computed: JSONValue?) -> PersonDocument {
        PersonDocument(person: person, computed: computed ?? [:], columns: columns)
    }
}

/// A person as an answer has it.
struct PersonDocument: JSONWritable {
    let person: Person
    let computed: JSONValue
    fileprivate let columns: [ColumnExpression]?

    func write(to out: inout [UInt8]) {
        guard let columns else {
            person.write(to: &out)
            out.removeLast()
            out += Array(",\"computed\":\(computed.text)}".utf8)
            return
        }
        let properties = (try? JSONValue(person.properties.span)) ?? [:]
        JSONValue.object(columns.map { .init($0.name, value($0.source, properties)) }).write(to: &out)
    }

    private func value(_ source: ColumnExpression.Source, _ properties: JSONValue) -> JSONValue {
        switch source {
        case .builtin(.personID): .string(person.id.text)
        case .builtin(.identities): .array(person.identities.map { .string($0) })
        case .builtin(.firstSeen): JSONValue(person.firstSeen)
        case .builtin(.lastSeen): JSONValue(person.lastSeen)
        case .builtin(.eventsTotal): JSONValue(person.eventsTotal)
        case .builtin(.properties): properties
        case .person(let name), .property(let name): property(name, properties)
        case .computed(let column): computed[column.name] ?? .null
        default: .null
        }
    }

    /// By the exact name, which Swift's own comparison of texts would not see.
    private func property(_ name: String, _ properties: JSONValue) -> JSONValue {
        guard case .object(let members) = properties else { return .null }
        return members.first { ExactText($0.key) == ExactText(name) }?.value ?? .null
    }
}

extension RequestDocument {
    /// `columns`: a list of texts; all that a person has if it is not given.
    func personColumns(_ computed: [ComputedColumn]) throws -> PersonColumns {
        guard let value = self["columns"] else { return .all }
        guard let elements = value.arrayValue, !elements.isEmpty else {
            throw Self.problem("\"columns\" is a list of at least one text")
        }
        var texts: [String] = []
        for (place, element) in elements.enumerated() {
            guard let text = element.stringValue else { throw Self.problem("columns[\(place)]: a text should be here") }
            texts.append(text)
        }
        return try PersonColumns(texts, computed)
    }
}

extension QueryParameters {
    /// `columns`: one line of CSV; all that a person has if it is not given.
    func personColumns(_ computed: [ComputedColumn]) throws -> PersonColumns {
        guard let line = self["columns"] else { return .all }
        return try PersonColumns(try ColumnExpression.split(line: line), computed)
    }
}
