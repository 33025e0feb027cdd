public import Connectors
public import Model

/// Makes connectors of their settings. Off Swift's shared pool, since a secret may have to be read from a file.
public protocol ActionMaking: Sendable {
    func make(_ kind: String, _ settings: JSONValue) async throws(ConnectorError) -> any Connector

    /// A secret: what a reference names, or the text itself.
    func secret(_ text: String) async throws(ConnectorError) -> String
}

/// Knows no kind.
public struct NoActions: ActionMaking {
    public init() {}

    public func make(_ kind: String, _ settings: JSONValue) async throws(ConnectorError) -> any Connector {
        throw ConnectorError(.unknownKind, "there is no connector \"\(kind)\"")
    }

    public func secret(_ text: String) async throws(ConnectorError) -> String { text }
}
