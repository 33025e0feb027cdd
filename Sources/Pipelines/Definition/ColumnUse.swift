internal import EventStore
internal import Model

/// Whether the columns that parts of a pipeline name are those that come to them, as far as that is known without rows.
struct ColumnUse {
    private let pipeline: PipelineDefinition

    /// A name that there is none of, and where it stands.
    struct Wrong {
        let path: String
        let message: String
    }

    init(_ pipeline: PipelineDefinition) { self.pipeline = pipeline }

    var wrong: [Wrong] {
        var wrong: [Wrong] = []
        func require(_ name: String, _ known: [String]?, _ path: String) {
            guard let known, !known.contains(name) else { return }
            let near = known.first { DocumentNode.isNear($0, name) }.map { "; did you mean \"\($0)\"?" } ?? ""
            wrong.append(
                Wrong(
                    path: path,
                    message:
                        "\(path): there is no column \"\(name)\"; there are \(known.joined(separator: ", "))\(near)"))
        }
        // That a column which rules are about is missing is for the validation to say, which stops the run.
        let joined = hasQuery ? nil : exported
        for mapping in pipeline.transform.mappings { require(mapping.from, joined, "map.\(mapping.name)") }
        let mappings = pipeline.transform.mappings
        let loaded = mappings.isEmpty ? joined : mappings.map(\.name)
        for rule in pipeline.transform.privacy { require(rule.column, loaded, "privacy.\(rule.column)") }
        for (index, key) in pipeline.load.key.enumerated() { require(key, loaded, "load.key[\(index)]") }
        return wrong
    }

    /// Whether a query makes other rows of those that were exported.
    private var hasQuery: Bool {
        pipeline.transform.steps.contains { step in
            if case .sql(_, nil) = step { true } else { false }
        }
    }

    /// The columns of the export; nil where they are known with its rows alone.
    private var exported: [String]? {
        guard let text = pipeline.export["dataset"]?.stringValue, let dataset = try? Dataset(name: text),
            dataset != .report
        else { return nil }
        let texts: [String]
        switch pipeline.export["columns"] {
        case .array(let values)?: texts = values.compactMap(\.stringValue)
        case .none: texts = []
        case .string(let line)?: texts = (try? ColumnExpression.split(line: line)) ?? []
        default: return nil
        }
        guard !texts.isEmpty else { return (try? ColumnExpression.parse([], dataset: dataset))?.map(\.name) }
        var names: [String] = []
        for text in texts {
            if let column = try? ColumnExpression(text, dataset: dataset) {
                if case .allProperties = column.source { return nil }
                names.append(column.name)
            } else {
                // A computed column of people, which the project knows: under its own name, or another one.
                guard dataset == .people else { return nil }
                names.append(text.split(separator: " as ").last.map { String($0) } ?? text)
            }
        }
        return names
    }
}
