internal import Model

extension ColumnExpression {
    /// The most columns of one result.
    public static let mostColumns = 1_000

    /// The columns that `texts` name, in their order; the dataset's own when there are none.
    ///
    /// A text is `EXPR`, `EXPR as NAME`, `EXPR::TYPE` or `EXPR::TYPE as NAME`; `EXPR` is a built-in of the dataset,
    /// `properties.NAME`, `properties.*` or `person.NAME`. Names may hold spaces and dots; one that holds ` as ` or `::`
    /// is written in double quotes (`properties."a::b"`, a quote in it twice). On people it is also `first(EVENT)`,
    /// `last(EVENT)` or `count(EVENT)`, where EVENT is a name exactly as stored, whatever it holds.
    public static func parse(
        _ texts: [String], dataset: Dataset, computed: [ComputedColumn] = [], path: String = "columns"
    ) throws(QueryError) -> [ColumnExpression] {
        if texts.isEmpty { return dataset.defaultColumns.map(ColumnExpression.init) }
        guard texts.count <= mostColumns else {
            throw QueryError(.tooLarge, at: path, "at most \(mostColumns) columns can be named")
        }
        var columns: [ColumnExpression] = []
        var seen: [ExactText: Int] = [:]
        for (i, text) in texts.enumerated() {
            let column = try ColumnExpression(text, dataset: dataset, computed: computed, path: "\(path)[\(i)]")
            if let first = seen.updateValue(i, forKey: ExactText(column.name)) {
                throw QueryError(
                    .invalidColumn, at: "\(path)[\(i)]",
                    "the name \"\(column.name)\" is given twice (also by \(path)[\(first)]); rename one with \"as\"")
            }
            columns.append(column)
        }
        return columns
    }

    /// Reads one column.
    ///
    /// - Parameter computed: the computed columns of people that there are.
    public init(
        _ text: String, dataset: Dataset, computed: [ComputedColumn] = [], path: String = "column"
    ) throws(QueryError) {
        var reader = ColumnReader(text: text.trimmed[...], dataset: dataset, computed: computed, path: path)
        self = try reader.column()
    }

    /// The fields of one CSV line, as `--columns` takes them.
    public static func split(line: String, path: String = "columns") throws(QueryError) -> [String] {
        var fields: [String] = []
        var rest = line[...]
        while true {
            while rest.first == " " { rest.removeFirst() }
            if rest.first == "\"" {
                guard let (field, after) = quoted(rest) else {
                    throw QueryError(.invalidColumn, at: path, "a closing quote is missing")
                }
                fields.append(field)
                rest = after
                while rest.first == " " { rest.removeFirst() }
                guard rest.isEmpty || rest.first == "," else {
                    throw QueryError(.invalidColumn, at: path, "a comma should follow \"\(field)\"")
                }
            } else {
                // A quoted name inside a field (`properties."a,b"`) keeps its commas.
                var inQuotes = false
                let end = rest.firstIndex { character in
                    if character == "\"" { inQuotes.toggle() }
                    return character == "," && !inQuotes
                }
                fields.append(String(rest[..<(end ?? rest.endIndex)]).trimmed)
                rest = rest[(end ?? rest.endIndex)...]
            }
            if rest.isEmpty { break }
            rest.removeFirst()
        }
        return fields
    }
}

/// A text in double quotes at the start, a quote in it written twice; what it says, and what follows.
private func quoted(_ text: Substring) -> (String, Substring)? {
    var out = ""
    var rest = text.dropFirst()
    while let end = rest.firstIndex(of: "\"") {
        out += rest[..<end]
        rest = rest[rest.index(after: end)...]
        guard rest.first == "\"" else { return (out, rest) }
        out.append("\"")
        rest.removeFirst()
    }
    return nil
}

extension String {
    /// Without the spaces and tabs at both ends.
    fileprivate var trimmed: String {
        var view = self[...]
        while let first = view.first, first == " " || first == "\t" { view.removeFirst() }
        while let last = view.last, last == " " || last == "\t" { view.removeLast() }
        return String(view)
    }
}

struct ColumnReader {
    let text: Substring
    let dataset: Dataset
    let computed: [ComputedColumn]
    let path: String

    mutating func column() throws(QueryError) -> ColumnExpression {
        guard !text.isEmpty else { throw error("a column's name is missing") }
        for (prefix, isPerson) in [("properties.", false), ("person.", true)] where text.hasPrefix(prefix) {
            return try property(text.dropFirst(prefix.count), isPerson: isPerson)
        }
        if let column = try eventColumn() { return column }
        let (written, alias) = try splitAlias(text)
        let name = written.prefix { $0 != ":" }
        let column = String(name)
        if dataset == .people, let known = computed.first(where: { $0.name == column.trimmed }) {
            let cast = try self.cast(String(written[name.endIndex...]).trimmed)
            return ColumnExpression(.computed(known), cast: cast, name: alias ?? String(written).trimmed)
        }
        guard written.endIndex == name.endIndex else {
            throw error("a built-in column keeps its type; only properties are cast")
        }
        let known = column == "id" && dataset == .events ? BuiltinColumn.eventID : BuiltinColumn(rawValue: column)
        guard let known, dataset.columns.contains(known) else { throw unknown(column) }
        return ColumnExpression(.builtin(known), name: alias ?? column)
    }

    private func property(_ rest: Substring, isPerson: Bool) throws(QueryError) -> ColumnExpression {
        if !isPerson, !dataset.hasProperties {
            throw error("\(dataset.rawValue) have no properties; a person's current one is person.NAME")
        }
        let name: String
        let after: Substring
        if rest.first == "\"" {
            guard let (inside, remainder) = quoted(rest) else { throw error("a closing quote is missing") }
            (name, after) = (inside, remainder)
        } else {
            let (written, _) = try splitAlias(rest)
            let end = written.lastRange(of: "::")?.lowerBound ?? written.endIndex
            name = String(written[..<end]).trimmed
            after = rest[end...]
        }
        guard !name.isEmpty else { throw error("a property's name is missing after the dot") }
        let (castText, alias) = try splitAlias(after)
        let cast = try self.cast(String(castText).trimmed)
        let written = String(text[..<castText.endIndex]).trimmed
        if name == "*", rest.first == "*" {
            guard !isPerson else { throw error("there is no person.*; name the properties") }
            guard cast == nil, alias == nil else { throw error("properties.* takes neither a type nor a name") }
            return ColumnExpression(.allProperties, name: written)
        }
        // On people a property is the person's.
        let source: ColumnExpression.Source = isPerson || dataset == .people ? .person(name) : .property(name)
        return ColumnExpression(source, cast: cast, name: alias ?? written)
    }

    private func cast(_ text: String) throws(QueryError) -> ColumnExpression.Cast? {
        if text.isEmpty { return nil }
        guard text.hasPrefix("::") else { throw error("\"\(text)\" should not follow a quoted name") }
        guard let cast = ColumnExpression.Cast(rawValue: String(text.dropFirst(2)).trimmed) else {
            let known = ColumnExpression.Cast.allCases.map(\.rawValue).joined(separator: ", ")
            throw error(
                "there is no type \"\(text.dropFirst(2))\"; there are \(known) (a name with :: in it is written in quotes)"
            )
        }
        return cast
    }

    /// What stands before the last ` as `, and the name after it.
    private func splitAlias(_ text: Substring) throws(QueryError) -> (Substring, String?) {
        guard let range = text.lastRange(of: " as ") ?? text.lastRange(of: " AS ") else { return (text, nil) }
        return (text[..<range.lowerBound], try alias(text[range.upperBound...]))
    }

    /// The name that follows `as`.
    func alias(_ text: Substring) throws(QueryError) -> String {
        let alias = String(text).trimmed
        guard !alias.isEmpty else { throw error("a name is missing after \"as\"") }
        guard alias.first == "\"", let (inside, after) = quoted(alias[...]), after.isEmpty, !inside.isEmpty else {
            return alias
        }
        return inside
    }

    private func unknown(_ name: String) -> QueryError {
        var known = dataset.columns.map(\.rawValue)
        if dataset == .events { known.append("id") }
        if dataset.hasProperties { known += ["properties.NAME", "properties.*"] }
        known.append("person.NAME")
        if dataset == .people { known += computed.map(\.name) + EventMeasure.allCases.map { "\($0.rawValue)(EVENT)" } }
        return error("\(dataset.rawValue) have no column \"\(name)\"; there are \(known.joined(separator: ", "))")
    }

    func error(_ reason: String) -> QueryError { QueryError(.invalidColumn, at: path, reason) }
}

extension Substring {
    /// The last place where `needle` stands.
    fileprivate func lastRange(of needle: String) -> Range<Index>? {
        var at = endIndex
        while true {
            if self[at...].hasPrefix(needle), let end = index(at, offsetBy: needle.count, limitedBy: endIndex) {
                return at..<end
            }
            guard at > startIndex else { return nil }
            at = index(before: at)
        }
    }
}
