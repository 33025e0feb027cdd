/// What a key may do. `admin` includes all the others, and what writes a thing also reads it.
public enum Scope: String, Sendable, CaseIterable {
    /// Send events.
    case collect
    /// Import files of events, and see what became of them.
    case importsWrite = "imports:write"
    /// Read persons, their identities and properties.
    case peopleRead = "people:read"
    /// Read events, names and rejects.
    case eventsRead = "events:read"
    /// Make, change and remove saved segments.
    case segmentsWrite = "segments:write"
    /// Ask for reports and read saved ones.
    case reportsRead = "reports:read"
    /// Make, change and remove saved reports.
    case reportsWrite = "reports:write"
    /// Read exports and their files.
    case exportsRead = "exports:read"
    /// Make and remove exports.
    case exportsWrite = "exports:write"
    /// Read webhooks' endpoints, triggers and deliveries.
    case webhooksRead = "webhooks:read"
    /// Make, change and remove them.
    case webhooksWrite = "webhooks:write"
    /// Read pipelines and their runs.
    case pipelinesRead = "pipelines:read"
    /// Make, change, run and remove pipelines.
    case pipelinesWrite = "pipelines:write"
    /// Erase persons, hand out what is kept of them, and read the records of it.
    case privacyWrite = "privacy:write"
    /// Everything, projects and keys included.
    case admin

    /// The scope that a key with this one has with it.
    private var included: Scope? {
        switch self {
        case .reportsWrite: .reportsRead
        case .exportsWrite: .exportsRead
        case .webhooksWrite: .webhooksRead
        case .pipelinesWrite: .pipelinesRead
        default: nil
        }
    }

    /// Whether a key with this scope may do what `other` names.
    public func includes(_ other: Scope) -> Bool { self == .admin || self == other || included == other }
}

extension Set<Scope> {
    /// Whether these include `scope`.
    public func allows(_ scope: Scope) -> Bool { contains { $0.includes(scope) } }

    /// The scopes, in their own order.
    public var inOrder: [Scope] { Scope.allCases.filter(contains) }

    /// The scopes' names, in their own order, separated by spaces: the form in which they are kept.
    var text: String { inOrder.map(\.rawValue).joined(separator: " ") }

    /// Reads what `text` wrote. A name that this version does not know grants nothing.
    init(text: String) { self = Set(text.split(separator: " ").compactMap { Scope(rawValue: String($0)) }) }
}
