public import Model

/// Whether what must be so of a person when a wait comes due is so.
public enum StillAnswer: Sendable, Equatable {
    case holds
    case fails
    /// It cannot be asked any more: what it names is gone.
    case senseless(String)

    /// The word before what is said of a wait that ended by it.
    public static let word = "\"still\""
}

extension TriggerWhen {
    /// What must be so of the person when a wait comes due; nil if nothing must.
    public var still: JSONValue? { if case .absence(let absence) = self { absence.still } else { nil } }
}
