/// Why a trigger was refused. The caller must change what was asked.
public struct TriggerError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Where it was, as a path from the root: `when.absent.within`.
    public let path: String
    /// What was wrong and what is allowed.
    public let reason: String
    /// Whether it is well written, and could never fire: it asks for what there is not.
    public let isImpossible: Bool

    public init(at path: String, _ reason: String, isImpossible: Bool = false) {
        self.path = path
        self.reason = reason
        self.isImpossible = isImpossible
    }

    public var message: String { "\(path): \(reason)" }
    public var description: String { message }
    /// Asking again does not help.
    public var isTransient: Bool { false }
}
