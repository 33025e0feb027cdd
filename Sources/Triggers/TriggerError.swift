/// Why a trigger was refused. The caller must change what was asked.
public struct TriggerError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Where it was, as a path from the root: `when.absent.within`.
    public let path: String
    /// What was wrong and what is allowed.
    public let reason: String

    public init(at path: String, _ reason: String) {
        self.path = path
        self.reason = reason
    }

    public var message: String { "\(path): \(reason)" }
    public var description: String { message }
    /// Asking again does not help.
    public var isTransient: Bool { false }
}
