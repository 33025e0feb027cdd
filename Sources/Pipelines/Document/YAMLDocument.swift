internal import Model
internal import Yams

/// Reads YAML into documents that know their lines. JSON is YAML, too.
///
/// What is plain is read as JSON would: only `true`, `false`, `null` and JSON's numbers are anything but text, so that a country `NO`
/// stays one.
enum YAMLDocument {
    private static let mostBytes = 1 << 20
    /// Parts of all documents together. An alias that stands for another alias can be short and large.
    private static let mostParts = 100_000

    /// The documents of a text, which `---` separates; empty ones are left out.
    static func read(_ text: String) throws(PipelineError) -> [DocumentNode] {
        guard text.utf8.count <= mostBytes else {
            throw PipelineError(.badDefinition, "the document is longer than \(mostBytes) bytes")
        }
        var documents: [DocumentNode] = []
        var parts = 0
        do {
            // Not a loop over the sequence: that would end without its error.
            let parser = try Parser(yaml: text)
            while let root = try parser.nextRoot() {
                if case .scalar(let scalar) = root, scalar.string.isEmpty { continue }
                documents.append(try node(root, path: "", depth: 0, &parts))
            }
        } catch {
            throw failure(error)
        }
        return documents
    }

    private static func node(
        _ node: Node, path: String, depth: Int, _ parts: inout Int
    ) throws(PipelineError) -> DocumentNode {
        parts += 1
        let place = node.mark.map { PipelineError.Place(line: $0.line, column: $0.column) }
        guard parts <= mostParts, depth <= 32 else {
            throw PipelineError(.badDefinition, "the document is too large or too deep", at: place)
        }
        switch node {
        case .scalar(let scalar): return DocumentNode(.scalar(value(scalar)), at: place, path: path)
        case .sequence(let sequence):
            var nodes: [DocumentNode] = []
            for (index, element) in sequence.enumerated() {
                nodes.append(
                    try self.node(element, path: "\(path)[\(index + 1)]", depth: depth + 1, &parts))
            }
            return DocumentNode(.list(nodes), at: place, path: path)
        case .mapping(let mapping):
            var entries: [DocumentNode.Entry] = []
            for (key, element) in mapping {
                let keyPlace = key.mark.map { PipelineError.Place(line: $0.line, column: $0.column) }
                guard case .scalar(let name) = key else {
                    throw PipelineError(.badDefinition, "a name is a text", at: keyPlace)
                }
                let path = DocumentNode.join(path, name.string)
                entries.append(
                    .init(
                        key: name.string, keyPlace: keyPlace,
                        value: try self.node(element, path: path, depth: depth + 1, &parts)))
            }
            return DocumentNode(.map(entries), at: place, path: path)
        case .alias: throw PipelineError(.badDefinition, "an alias leads nowhere", at: place)
        }
    }

    private static func value(_ scalar: Node.Scalar) -> JSONValue {
        guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
        switch scalar.string {
        case "", "~", "null": return .null
        case "true": return .bool(true)
        case "false": return .bool(false)
        case let text:
            let bytes = Array(text.utf8)
            guard let first = bytes.first, first == 0x2d || first &- 48 < 10, let value = try? JSONValue(bytes.span),
                case .number = value
            else { return .string(text) }
            return value
        }
    }

    private static func failure(_ error: any Error) -> PipelineError {
        func at(_ mark: Mark) -> PipelineError.Place { .init(line: mark.line, column: mark.column) }
        switch error {
        case let error as PipelineError: return error
        case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
            YamlError.composer(_, let problem, let mark, _):
            return PipelineError(.badDefinition, "this is no YAML: \(problem)", at: at(mark))
        case YamlError.duplicatedKeysInMapping(let duplicates, let context):
            return PipelineError(
                .badDefinition, "\(duplicates.map { "\"\($0)\"" }.joined(separator: ", ")) is there twice",
                at: at(context.mark))
        case YamlError.reader(let problem, _, _, _):
            return PipelineError(.badDefinition, "this is no YAML: \(problem)")
        default: return PipelineError(.badDefinition, "this is no YAML")
        }
    }
}
