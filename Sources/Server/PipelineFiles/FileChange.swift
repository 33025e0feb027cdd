internal import Model
internal import Pipelines

/// What applying a file does to one thing in it.
struct FileChange: Sendable {
    enum Action: String, Sendable {
        case create, change, none
    }

    let kind: String
    let name: String
    let action: Action
    /// What is shown of the differences; secrets are hidden.
    var changes: [PipelineChange] = []
    var notes: [String] = []
    /// Its id, where things of the kind have one.
    var id: String?
    /// The secret that was made for it: it is told this once.
    var secret: String?

    /// - Parameter isTold: whether it is the answer of what was done, which may tell a secret.
    func json(isTold: Bool) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("kind", .string(kind)), .init("name", .string(name)), .init("action", .string(action.rawValue)),
            .init("changes", .array(changes.map(\.json))), .init("notes", .array(notes.map { .string($0) })),
        ]
        if let id, isTold || action != .create { members.append(.init("id", .string(id))) }
        if let secret, isTold { members.append(.init("secret", .string(secret))) }
        return .object(members)
    }
}
