/// Which column of a file is which field of an item.
///
/// ```
/// identity=COL,timestamp=COL,event=COL|event:NAME,properties=COL+COL,id=COL
/// ```
///
/// * `field=COL` takes the field from a column, `field:TEXT` gives it to every row.
/// * A column that holds a comma, a plus sign or a quote is written in double quotes: `identity="user, id"`; a quote in
///   it is doubled.
/// * `properties=` with nothing after it means no properties; without `properties`, every column that is not mapped is
///   one, but for columns without a name.
/// * `object=COL` takes a column that holds a JSON object, whose members are properties (as our own CSV exports do).
/// * `type=COL|type:set` and `other=COL` make sets and aliases as in the native protocol.
/// * `identity`, `timestamp` and `event` that are not mapped take the column of their own name, if there is one.
public struct ImportMapping: Sendable, Equatable {
    public enum Source: Sendable, Equatable {
        case column(String)
        case constant(String)
    }

    public enum Properties: Sendable, Equatable {
        /// Every column that is not mapped.
        case unmapped
        case columns([String])
    }

    public var identity: Source = .column("identity")
    public var timestamp: Source?
    public var event: Source?
    public var id: Source?
    public var type: Source?
    public var other: Source?
    public var properties: Properties = .unmapped
    /// The column that holds an object of properties.
    public var object: String?

    /// The mapping that reads our own CSV exports of events.
    public static let events: ImportMapping = {
        var mapping = ImportMapping()
        mapping.id = .column("event_id")
        mapping.properties = .columns([])
        mapping.object = "properties"
        return mapping
    }()

    public init() {}

    /// Reads the text of `--map`. Throws `.mapping`, and says what is wrong with it.
    public init(parsing text: String) throws(CollectError) {
        var parser = MappingParser(text)
        var seen: Set<String> = []
        while let (field, isColumn) = try parser.field() {
            guard seen.insert(field).inserted else { throw Self.wrong("\(field) is mapped twice") }
            if field == "properties" {
                guard isColumn else { throw Self.wrong("properties takes columns: properties=COL+COL") }
                properties = .columns(try parser.columns())
                continue
            }
            let value = try parser.value()
            guard !value.isEmpty else {
                throw Self.wrong("\(field) names nothing: write \(field)=COL or \(field):TEXT")
            }
            var source: Source = isColumn ? .column(value) : .constant(value)
            // `event=event:NAME` is what the two forms make when they are read as one.
            if field == "event", isColumn, value.hasPrefix("event:"), value.utf8.count > 6 {
                source = .constant(String(value.dropFirst(6)))
            }
            switch field {
            case "identity": identity = source
            case "timestamp": timestamp = source
            case "event": event = source
            case "id": id = source
            case "type": type = source
            case "other": other = source
            case "object":
                guard isColumn else { throw Self.wrong("object takes a column: object=COL") }
                object = value
            default:
                throw Self.wrong(
                    "\(field) is no field: use identity, timestamp, event, id, type, other, properties or object")
            }
            if case .constant = source, field == "id" { throw Self.wrong("id takes a column: id=COL") }
        }
    }

    static func wrong(_ what: String) -> CollectError { CollectError(.mapping, "the column mapping: \(what)") }
}

/// Takes a mapping's text apart.
private struct MappingParser {
    private var rest: Substring

    init(_ text: String) { rest = text[...] }

    /// The next field and whether a column follows (`=`) or a text (`:`); nil at the end.
    mutating func field() throws(CollectError) -> (String, isColumn: Bool)? {
        guard !rest.isEmpty else { return nil }
        guard let end = rest.firstIndex(where: { $0 == "=" || $0 == ":" || $0 == "," }), rest[end] != "," else {
            throw ImportMapping.wrong("\"\(rest)\" should be field=COL or field:TEXT")
        }
        let name = trimmed(rest[..<end])
        let isColumn = rest[end] == "="
        rest = rest[rest.index(after: end)...]
        return (name, isColumn)
    }

    /// One column or text, and the comma after it.
    mutating func value() throws(CollectError) -> String {
        let value = try element(until: ",")
        try endOfField()
        return value
    }

    /// Columns with `+` between them, and the comma after them.
    mutating func columns() throws(CollectError) -> [String] {
        var all: [String] = []
        while true {
            let column = try element(until: "+,")
            if !column.isEmpty { all.append(column) }
            guard rest.first == "+" else { break }
            rest.removeFirst()
        }
        try endOfField()
        return all
    }

    private mutating func endOfField() throws(CollectError) {
        guard let next = rest.first else { return }
        guard next == "," else { throw ImportMapping.wrong("a comma should be before \"\(rest)\"") }
        rest.removeFirst()
        if rest.isEmpty { throw ImportMapping.wrong("it ends with a comma") }
    }

    private mutating func element(until ends: String) throws(CollectError) -> String {
        guard rest.first == "\"" else {
            let end = rest.firstIndex { ends.contains($0) } ?? rest.endIndex
            defer { rest = rest[end...] }
            return String(rest[..<end])
        }
        rest.removeFirst()
        var out = ""
        while let next = rest.popFirst() {
            if next != "\"" {
                out.append(next)
            } else if rest.first == "\"" {
                out.append(next)
                rest.removeFirst()
            } else {
                return out
            }
        }
        throw ImportMapping.wrong("a quote is opened and not closed")
    }

    private func trimmed(_ text: Substring) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
