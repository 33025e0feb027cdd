internal import EventStore
internal import Model

/// Who is to be forgotten where pipelines loaded rows, and where that is not done yet: a file in the project's folder for as long as
/// that takes. Backups need not wait for it: the store itself has forgotten them.
struct DestinationRequest: Sendable {
    struct Place: Sendable, Equatable {
        let pipeline: String
        let target: String
    }

    let id: String
    let identities: [String]
    let persons: [String]
    let seqs: [Int64]
    /// Where it is to be done yet.
    var left: [Place]

    /// Of an erasure that is done as far as this machine goes.
    init(id: String, _ request: ErasureRequest, left: [Place]) {
        self.id = id
        identities = request.texts
        persons = (request.targets ?? []).map { PersonID($0.id).text }
        seqs = request.items.seqs
        self.left = left
    }

    static func folder(_ project: String) -> String { ErasureRequest.folder(project) + "/destinations" }
    static func path(_ id: String, project: String) -> String { "\(folder(project))/\(id).json" }

    /// Reads a file; nil if it is not there.
    static func read(_ id: String, project: String) async throws -> DestinationRequest? {
        let path = path(id, project: project)
        guard let bytes = try await Blocking.run({ try PrivateFile.read(path) }) else { return nil }
        guard let json = try? JSONValue(bytes.span) else {
            throw ServerError(.io, "\(path) cannot be read; remove it, and ask for the erasure again")
        }
        return DestinationRequest(id: id, json: json)
    }

    func write(project: String) async throws {
        let (bytes, folder, path) = (Array(json.text.utf8), Self.folder(project), Self.path(id, project: project))
        try await Blocking.run {
            try Folder.make(ErasureRequest.folder(project))
            try Folder.make(folder)
            try PrivateFile.write(bytes, to: path)
        }
    }

    func remove(project: String) async throws {
        let path = Self.path(id, project: project)
        try await Blocking.run { try PrivateFile.remove(path) }
    }

    private var json: JSONValue {
        [
            "identities": .array(identities.map { .string($0) }), "persons": .array(persons.map { .string($0) }),
            "seqs": .string(seqs.map(String.init).joined(separator: ",")),
            "left": .array(left.map { ["pipeline": .string($0.pipeline), "target": .string($0.target)] }),
        ]
    }

    private init(id: String, json: JSONValue) {
        func texts(_ name: String) -> [String] { (json[name]?.arrayValue ?? []).compactMap(\.stringValue) }
        self.id = id
        identities = texts("identities")
        persons = texts("persons")
        seqs = (json["seqs"]?.stringValue ?? "").split(separator: ",").compactMap { Int64($0) }
        left = (json["left"]?.arrayValue ?? []).compactMap { place in
            guard let pipeline = place["pipeline"]?.stringValue, let target = place["target"]?.stringValue else {
                return nil
            }
            return Place(pipeline: pipeline, target: target)
        }
    }
}
