public import Model

/// What a file defines under a name besides pipelines and where they load: each is said as the API's creation of it says it, without
/// its name.
public struct FileThing: Sendable {
    public enum Kind: String, Sendable, CaseIterable {
        case segment, report, endpoint, trigger

        /// Where they stand in a file.
        public var section: String { rawValue + "s" }
    }

    public let kind: Kind
    public let name: String
    let node: DocumentNode
    private let namePlace: PipelineError.Place?

    /// What it is to be, without its name.
    public var json: JSONValue { node.json }

    init(_ kind: Kind, _ name: String, at namePlace: PipelineError.Place?, _ node: DocumentNode) {
        (self.kind, self.name, self.namePlace, self.node) = (kind, name, namePlace, node)
    }

    /// An error of it, at a place in it that a path leads to, such as `when.absent.within`.
    public func error(_ message: String, at path: String = "") -> PipelineError {
        let isInside = kind == .report && node["report"] != nil && !path.hasPrefix("report")
        var error = node.error(message, at: isInside ? "report." + path : path)
        if path.isEmpty, error.place == nil || node.place == error.place, let namePlace {
            error = PipelineError(error.code, error.message, at: namePlace)
        }
        return error
    }

    /// The same with ids in the place of names.
    func resolved(_ names: ThingNames) -> FileThing { FileThing(kind, name, at: namePlace, names.thing(kind, node)) }
}

extension FileThing {
    /// Reads a section: names with what they stand for, or a list in which each has its `name`.
    static func read(_ kind: Kind, _ node: DocumentNode, _ errors: inout ErrorList) -> [FileThing] {
        var things: [FileThing] = []
        switch node.content {
        case .scalar(.null): return []
        case .scalar:
            errors.note(node.error("here should be names with what each \(kind.rawValue) is"))
        case .map(let entries):
            for entry in entries {
                things.append(FileThing(kind, entry.key, at: entry.keyPlace, entry.value))
            }
        case .list(let nodes):
            for element in nodes {
                guard case .map(let entries) = element.content,
                    let name = entries.first(where: { $0.key == "name" })
                else {
                    errors.note(element.error("\"name\" is missing: what the \(kind.rawValue) is called"))
                    continue
                }
                guard let text = errors.attempt({ try name.value.text("a name") }) else { continue }
                let rest = DocumentNode(
                    .map(entries.filter { $0.key != "name" }), at: element.place, path: element.path)
                things.append(FileThing(kind, text, at: name.value.place, rest))
            }
        }
        for thing in things {
            if !(1...255).contains(thing.name.utf8.count) || thing.name.utf8.contains(0) {
                errors.note(thing.error("a name has 1 to 255 bytes"))
            }
            for error in thing.check() { errors.note(error) }
        }
        return things
    }
}
