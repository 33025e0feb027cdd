public import Connectors
public import Model

/// Makes connectors of their settings. Off Swift's shared pool, since a secret may have to be read from a file.
public protocol ActionMaking: Sendable {
    func make(_ kind: String, _ settings: JSONValue) async throws(ConnectorError) -> any Connector

    /// - Parameter isTrusted: whether its secrets are looked up as the data folder's owner can.
    func make(_ kind: String, _ settings: JSONValue, isTrusted: Bool) async throws(ConnectorError) -> any Connector

    /// A secret: what a reference names, or the text itself.
    func secret(_ text: String) async throws(ConnectorError) -> String
}

extension ActionMaking {
    public func make(
        _ kind: String, _ settings: JSONValue, isTrusted: Bool
    ) async throws(ConnectorError) -> any Connector { try await make(kind, settings) }
}

/// Knows no kind.
public struct NoActions: ActionMaking {
    public init() {}

    public func make(_ kind: String, _ settings: JSONValue) async throws(ConnectorError) -> any Connector {
        throw ConnectorError(.unknownKind, "there is no connector \"\(kind)\"")
    }

    public func secret(_ text: String) async throws(ConnectorError) -> String { text }
}
