/// What is written down of a route's use.
enum Audit: Sendable, Equatable {
    /// Nobody has said: every use is written down under the method and the path.
    case undeclared
    /// Nothing: it collects, or tells nothing of people.
    case none
    /// A read of personal data: which action, and of what.
    case read(String, of: String)
    /// A change. It is on disk before the answer goes out.
    case act(String)
    /// A change whose body names whom nobody is to be reminded of: it is not kept.
    case discreetAct(String)

    /// Whether what was asked for is kept with the entry.
    var keepsBody: Bool { if case .discreetAct = self { false } else { true } }

    /// Whether the answer waits for the disk.
    var isAct: Bool {
        switch self {
        case .act, .discreetAct: true
        case .undeclared, .none, .read: false
        }
    }
}
