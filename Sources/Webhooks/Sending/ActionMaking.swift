public import Connectors
public import Model

/// Makes connectors of their settings. Off Swift's shared pool, since a secret may have to be read from a file.
public protocol ActionMaking: Sendable {
    func make(_ kind: String, _ settings: JSONValue) async throws(ConnectorError) -> any Connector
}

/// Knows no kind.
public struct NoActions: ActionMaking {
    public init() {}

    public func make(_ kind: String, _ settings: JSONValue) async throws(ConnectorError) -> any Connector {
        throw ConnectorError(.unknownKind, "there is no connector \"\(kind)\"")
    }
}
