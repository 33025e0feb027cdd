internal import EventStore

/// A person's identities, and where their rows are.
struct Members {
    struct Member {
        let id: Int64
        let text: String
        /// The `seq` of its first item: no older file has rows of it.
        let firstSeq: Int64
    }

    let all: [Member]

    /// The most identities of which each is looked for on its own.
    private static let mostSeparate = 16

    /// The text of an identity.
    func text(_ id: Int64) -> String { all.first { $0.id == id }?.text ?? "" }

    /// The person's rows of a table up to a `seq`: of each source that can have some a part with constants, by which the engine
    /// finds the few row groups to read. What names more than it needs is planned for longer than it is read.
    ///
    /// - Parameter after: only rows with a greater `seq`.
    func rows(
        _ columns: String, of table: RowTable, in layout: Layout, asOf: Int64, after: Int64? = nil,
        where test: String? = nil
    ) -> String {
        var parts: [String] = []
        for source in layout.sources {
            if let after, source.isWhole(asOf: after) { continue }
            let here = all.filter { source.canHave(table, of: $0) }
            if here.isEmpty { continue }
            var rest = source.isWhole(asOf: asOf) ? "" : " AND seq <= \(asOf)"
            if let after { rest += " AND seq > \(after)" }
            if let test { rest += " AND \(test)" }
            let select = "SELECT \(columns) FROM \(source.name(table)) WHERE identity_id"
            if here.count <= Self.mostSeparate {
                parts += here.map { "\(select) = \($0.id)\(rest)" }
            } else {
                parts.append("\(select) IN (\(here.map { String($0.id) }.joined(separator: ", ")))\(rest)")
            }
        }
        // The newest tables are always among the sources.
        return parts.joined(separator: " UNION ALL ")
    }
}

extension Layout.Source {
    fileprivate func canHave(_ table: RowTable, of member: Members.Member) -> Bool {
        guard case .file(let file) = self else { return true }
        return file.contents.rows(of: table) > 0 && file.contents.identities.contains(member.id)
            && file.contents.seqs.upperBound >= member.firstSeq
    }

    /// Whether all its rows are of this `seq` or of smaller ones.
    fileprivate func isWhole(asOf: Int64) -> Bool {
        guard case .file(let file) = self else { return false }
        return file.contents.seqs.upperBound <= asOf
    }
}
