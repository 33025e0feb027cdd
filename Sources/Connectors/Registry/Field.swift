/// One setting of a connector: what checks it, what help and forms are made of.
public struct Field: Sendable, Equatable {
    /// What a setting's value is.
    public enum Value: Sendable, Equatable {
        case text
        case url
        case number(ClosedRange<Int64>)
        /// One of these words.
        case choice([String])
        /// Names with texts.
        case map
    }

    public let name: String
    public let value: Value
    /// Whether it is kept sealed, shown masked, and may be a reference.
    public let isSecret: Bool
    public let isRequired: Bool
    public let help: String

    public init(_ name: String, _ value: Value, isSecret: Bool = false, isRequired: Bool = false, help: String) {
        self.name = name
        self.value = value
        self.isSecret = isSecret
        self.isRequired = isRequired
        self.help = help
    }
}

/// What a connector can do, as data, so that nothing above asks which one it is.
public struct Capabilities: Sendable, Equatable {
    /// Whether delivering the same message twice leaves one: the receiver can tell by its id.
    public var isIdempotent: Bool
    /// Whether messages are signed.
    public var signs: Bool
    /// The most bytes of a message.
    public var mostBytes: Int

    public init(isIdempotent: Bool, signs: Bool, mostBytes: Int = 256 << 10) {
        self.isIdempotent = isIdempotent
        self.signs = signs
        self.mostBytes = mostBytes
    }
}
