internal import EventStore
internal import Model

/// Who is to be erased, or what is too old, and what is known of it so far: a file in the project's folder for as long as that
/// takes. Nothing else that names anybody outlives the erasure.
struct ErasureRequest: Sendable {
    /// As asked for.
    let identities: [String]
    /// Whether items of them are refused from now on.
    let isSuppressing: Bool
    /// What goes by its age; nobody is named then.
    var rules: [Removal.Aged] = []
    /// All identities of the persons; nil before they were looked up.
    var targets: [StoredIdentity]?
    /// What goes, and where it was found; it is known here alone once it is gone.
    var items = RemovedItems()

    var removal: Removal { rules.isEmpty ? .identities((targets ?? []).map(\.id)) : .aged(rules) }

    /// The texts by which somebody is known.
    var texts: [String] {
        var seen = Set(identities.map(ExactText.init))
        return identities + (targets ?? []).map(\.text).filter { seen.insert(ExactText($0)).inserted }
    }

    /// Adds identities of the persons: others may have been tied to them since, and an attempt before may have removed some.
    mutating func add(_ found: [StoredIdentity]) {
        let known = Set((targets ?? []).map(\.id))
        targets = (targets ?? []) + found.filter { !known.contains($0.id) }
    }

    init(identities: [String], isSuppressing: Bool) {
        self.identities = identities
        self.isSuppressing = isSuppressing
    }

    init(rules: [Removal.Aged]) {
        self.init(identities: [], isSuppressing: false)
        self.rules = rules
    }

    /// Adds what another attempt found.
    mutating func add(_ found: RemovedItems) {
        items.seqs = Set(items.seqs).union(found.seqs).sorted()
        items.through = max(items.through, found.through)
        for copy in found.copies {
            // What is there is at most what was found first: a part may have gone since.
            let isKnown = items.copies.contains { $0.kind == copy.kind && $0.name == copy.name }
            if !isKnown { items.copies.append(copy) }
        }
    }
}

// MARK: The file

extension ErasureRequest {
    static func folder(_ project: String) -> String { project + "/privacy" }
    static func path(_ id: String, project: String) -> String { "\(folder(project))/\(id).json" }

    /// Reads the file; nil if it is not there.
    static func read(_ path: String) async throws -> ErasureRequest? {
        guard let bytes = try await Blocking.run({ try PrivateFile.read(path) }) else { return nil }
        guard let json = try? JSONValue(bytes.span), let request = ErasureRequest(json: json) else {
            throw ServerError(.io, "\(path) cannot be read; remove it, and ask for the erasure again")
        }
        return request
    }

    func write(to path: String) async throws {
        let bytes = Array(json.text.utf8)
        try await Blocking.run {
            try Folder.make(FilePlace(path: path).folder)
            try PrivateFile.write(bytes, to: path)
        }
    }

    private var json: JSONValue {
        [
            "identities": .array(identities.map { .string($0) }), "suppress": .bool(isSuppressing),
            "rules": .array(
                rules.map { ["before": JSONValue($0.before.microseconds), "event": JSONValue($0.event)] }),
            "targets": targets.map { targets in
                .array(targets.map { ["id": JSONValue($0.id), "text": .string($0.text)] })
            } ?? .null,
            // As one text: there may be millions.
            "seqs": .string(items.seqs.map(String.init).joined(separator: ",")), "through": JSONValue(items.through),
            "copies": .array(
                items.copies.map {
                    ["kind": .string($0.kind.rawValue), "name": .string($0.name), "rows": JSONValue($0.rows)]
                }),
        ]
    }

    private init?(json: JSONValue) {
        guard let identities = json["identities"]?.arrayValue, let suppress = json["suppress"]?.boolValue else {
            return nil
        }
        self.init(identities: identities.compactMap(\.stringValue), isSuppressing: suppress)
        rules = (json["rules"]?.arrayValue ?? []).compactMap { rule in
            guard let before = rule["before"]?.intValue else { return nil }
            return Removal.Aged(before: Timestamp(microseconds: before), event: rule["event"]?.stringValue)
        }
        targets = json["targets"]?.arrayValue?.compactMap { target in
            guard let id = target["id"]?.intValue, let text = target["text"]?.stringValue else { return nil }
            return StoredIdentity(id: id, text: text)
        }
        items.seqs = (json["seqs"]?.stringValue ?? "").split(separator: ",").compactMap { Int64($0) }
        items.through = json["through"]?.intValue ?? 0
        items.copies = (json["copies"]?.arrayValue ?? []).compactMap { copy in
            guard let kind = copy["kind"]?.stringValue.flatMap(RemovedCopy.Kind.init(rawValue:)),
                let name = copy["name"]?.stringValue, let rows = copy["rows"]?.intValue
            else { return nil }
            return RemovedCopy(kind: kind, name: name, rows: rows, verified: false)
        }
    }
}
