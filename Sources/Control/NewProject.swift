public import Model

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
