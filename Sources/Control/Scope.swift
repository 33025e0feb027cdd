/// What a key may do. `admin` includes all the others.
public enum Scope: String, Sendable, CaseIterable {
    /// Send events.
    case collect
    /// Read persons, their identities and properties.
    case peopleRead = "people:read"
    /// Read events, names and rejects.
    case eventsRead = "events:read"
    /// Make, read and remove exports.
    case exportsWrite = "exports:write"
    /// Erase persons, hand out what is kept of them, and read the records of it.
    case privacyWrite = "privacy:write"
    /// Everything, projects and keys included.
    case admin
}

extension Set<Scope> {
    /// Whether these include `scope`.
    public func allows(_ scope: Scope) -> Bool { contains(.admin) || contains(scope) }

    /// The scopes' names, in their own order, separated by spaces: the form in which they are kept.
    var text: String { Scope.allCases.filter(contains).map(\.rawValue).joined(separator: " ") }

    /// Reads what `text` wrote. A name that this version does not know grants nothing.
    init(text: String) { self = Set(text.split(separator: " ").compactMap { Scope(rawValue: String($0)) }) }
}
