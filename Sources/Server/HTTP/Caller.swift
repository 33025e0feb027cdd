internal import Control
internal import EventStore
internal import Model

/// Who calls.
struct Caller: Sendable {
    /// The id of the key; `owner` of whoever came over the socket.
    let key: String
    /// The project that the key belongs to.
    let project: String
    let scopes: Set<Scope>
    /// The only columns of people and events that the caller may see; nil for all.
    let columns: [String]?
    let grant: ColumnGrant
    /// When the caller's key ends.
    let expiresAt: Timestamp?
    /// Whether the caller owns the data folder: it came over the socket in it.
    let isOwner: Bool
    /// How many requests the key may make; nil for any number.
    let rateLimit: RateLimit?

    init(_ key: AccessKey) {
        self.key = key.id
        rateLimit = key.rateLimit
        project = key.project
        scopes = key.scopes
        columns = key.columns
        grant = ColumnGrant(key.columns)
        expiresAt = key.expiresAt
        isOwner = false
    }

    /// The owner of the data folder, at work on a project.
    init(ownerIn project: String) {
        key = AuditEntry.owner
        rateLimit = nil
        self.project = project
        scopes = [.admin]
        columns = nil
        grant = .all
        expiresAt = nil
        isOwner = true
    }

    /// Whether the caller may see and make other projects: the owner, and admins of the default project.
    var governsProjects: Bool { isOwner || (project == ControlStore.defaultProject && scopes.contains(.admin)) }

    /// Checks that the caller may hand out a key, since whoever has its text can do what it can: no scope, no column, no
    /// day and no request a second more than the caller has.
    func checkHanding(
        scopes wanted: Set<Scope>, columns wantedColumns: [String]?, expiresAt end: Timestamp?,
        rateLimit rate: RateLimit?
    ) throws(Problem) {
        for scope in wanted.inOrder where !scopes.allows(scope) {
            throw .forbidden("this key lacks the scope \(scope.rawValue), so it cannot hand it out")
        }
        if let columns {
            guard let wantedColumns else {
                throw .forbidden("this key reads some columns only, so a key that it makes needs a list of columns")
            }
            if let column = wantedColumns.first(where: { !columns.contains($0) }) {
                throw .forbidden("this key does not read the column \(column), so it cannot hand it out")
            }
        }
        if let rateLimit {
            guard let rate, rate.perSecond <= rateLimit.perSecond, rate.burst <= rateLimit.burst else {
                throw .forbidden(
                    "this key makes \(rateLimit.perSecond) requests a second, so a key that it hands out needs a limit that is no "
                        + "higher")
            }
        }
        if let expiresAt {
            guard let end, end <= expiresAt else {
                throw .forbidden("this key ends at \(expiresAt.text), so a key that it hands out must end by then")
            }
        }
    }
}
