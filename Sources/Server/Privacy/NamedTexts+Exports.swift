internal import Control
internal import Model

/// Where the record of an export can name somebody: in the values that its conditions compare with, in its columns and in the
/// place of its files. Everything else is its structure, which stays as it is whatever somebody is called.
extension NamedTexts {
    /// Whether an export is about one of them.
    func isNamed(in record: ExportRecord) -> Bool { redacted(record) != record }

    /// The record, naming nobody.
    func redacted(_ record: ExportRecord) -> ExportRecord {
        var redacted = record
        redacted.spec = text(record.spec, specification)
        redacted.resolved = text(record.resolved, specification)
        redacted.manifest = record.manifest.map { text($0, manifest) }
        redacted.outPath = record.outPath.map(path)
        redacted.error = record.error.map { self.redacted($0) }
        return redacted
    }

    /// A saved report, naming nobody: its conditions stand wherever it chooses events.
    func redacted(report: JSONValue) -> JSONValue {
        if case .array = report { return report.mapElements { redacted(report: $0) } }
        return report.mapMembers { key, value in key == "where" ? condition(value) : redacted(report: value) }
    }

    /// A document's text; the same bytes where nothing is to be changed.
    private func text(_ text: String, _ redact: (JSONValue) -> JSONValue) -> String {
        guard let json = try? JSONValue(text: text) else { return text }
        let redacted = redact(json)
        return redacted == json ? text : redacted.text
    }

    func specification(_ json: JSONValue) -> JSONValue {
        json.mapMembers { key, value in
            switch key {
            case "where": condition(value)
            case "columns": value.mapStrings { redacted($0) }
            case "computed": value.mapMembers { redacted(formula: $1) }
            case "report": redacted(report: value)
            case "cell": value.mapMembers { literal($1, countsNumbers: true) }
            default: value
            }
        }
    }

    private func manifest(_ json: JSONValue) -> JSONValue {
        json.mapMembers { key, value in
            switch key {
            case "spec": specification(value)
            case "columns": value.mapElements { $0.mapMember("name") { $0.mapStrings { redacted($0) } } }
            case "parts": value.mapElements { $0.mapMember("file") { $0.mapStrings { path($0) } } }
            default: value
            }
        }
    }

    /// A condition in which nobody is named.
    func condition(_ json: JSONValue) -> JSONValue {
        json.mapMembers { key, value in
            switch key {
            case "all", "any", "sequence": value.mapElements(condition)
            case "not", "where": condition(value)
            case "formula": redacted(formula: value)
            case "event", "did", "did_not", "property", "person": value.mapStrings { redacted($0) }
            case "is", "is_not", "in": literal(value, countsNumbers: true)
            case "contains", "starts_with", "gt", "gte", "lt", "lte": literal(value, countsNumbers: false)
            default: value
            }
        }
    }

    /// A computed column's formula in which nobody is named.
    func redacted(formula: JSONValue) -> JSONValue {
        formula.mapMember("terms") { terms in
            terms.mapMembers { _, term in
                term.mapMembers { key, value in
                    switch key {
                    case "where": condition(value)
                    case "event", "property": value.mapStrings { redacted($0) }
                    default: value
                    }
                }
            }
        }
    }

    /// What a property is compared with: somebody's whole text, however short.
    private func literal(_ json: JSONValue, countsNumbers: Bool) -> JSONValue {
        switch json {
        case .string(let text): .string(isName(text) ? Self.replacement : redacted(text))
        case .number(let text) where countsNumbers && isName(text) && Self.isTelling(text): .string(Self.replacement)
        case .array(let elements): .array(elements.map { literal($0, countsNumbers: countsNumbers) })
        default: json
        }
    }

    /// Folders and files are named after days and formats, too, so that only what is hardly anything else counts.
    private func path(_ path: String) -> String { redacted(path) }
}

extension JSONValue {
    fileprivate func mapMembers(_ change: (_ key: String, _ value: JSONValue) -> JSONValue) -> JSONValue {
        guard case .object(let members) = self else { return self }
        return .object(members.map { Member($0.key, change($0.key, $0.value)) })
    }

    fileprivate func mapMember(_ name: String, _ change: (JSONValue) -> JSONValue) -> JSONValue {
        mapMembers { key, value in key == name ? change(value) : value }
    }

    fileprivate func mapElements(_ change: (JSONValue) -> JSONValue) -> JSONValue {
        guard case .array(let elements) = self else { return self }
        return .array(elements.map(change))
    }

    /// Changes a text, or the texts of a list.
    fileprivate func mapStrings(_ change: (String) -> String) -> JSONValue {
        if case .string(let text) = self { return .string(change(text)) }
        return mapElements { if case .string(let text) = $0 { .string(change(text)) } else { $0 } }
    }
}
