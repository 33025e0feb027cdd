public import Model

/// What is known of a key. The text of a secret key is not.
public struct AccessKey: Sendable, Equatable {
    public enum Kind: String, Sendable { case write, secret }

    public let id: String
    public let project: String
    public let kind: Kind
    /// What it is for, in words of whoever made it.
    public let name: String
    /// The text of a write key, which is public.
    public let writeKey: String?
    public let scopes: Set<Scope>
    /// The only columns of people and events that it reads; nil for all.
    public let columns: [String]?
    /// How many requests it may make; nil for any number.
    public let rateLimit: RateLimit?
    public let createdAt: Timestamp
    public let lastUsedAt: Timestamp?
    /// From then on the key opens nothing.
    public let expiresAt: Timestamp?
    /// When it got its present text, if that is not its first.
    public let rotatedAt: Timestamp?
    /// Until when a text that it had before opens as well.
    public let oldUntil: Timestamp?
    /// Since then the key opens nothing.
    public let revokedAt: Timestamp?
}

/// A key at the moment at which it gets a text: the only time at which a secret one is there to be read.
public struct IssuedKey: Sendable, Equatable {
    public let key: AccessKey
    public let text: String
}
