public import Model

/// What is known of a key. The text of a secret key is not.
public struct AccessKey: Sendable, Equatable {
    public enum Kind: String, Sendable { case write, secret }

    public let id: String
    public let project: String
    public let kind: Kind
    /// The text of a write key, which is public.
    public let writeKey: String?
    public let scopes: Set<Scope>
    public let createdAt: Timestamp
    public let lastUsedAt: Timestamp?
    /// From then on the key opens nothing.
    public let expiresAt: Timestamp?
}

/// A project's keys at the moment of their making: the only time at which the secret one is there to be read.
public struct NewProject: Sendable {
    public let project: String
    public let writeKey: String
    public let secretKey: String

    /// The answer of `sluice init --json` and of `POST /v1/projects`.
    public var json: JSONValue {
        ["project": .string(project), "write_key": .string(writeKey), "secret_key": .string(secretKey)]
    }
}
