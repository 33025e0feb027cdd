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

    /// The person's rows of a table: of each source that can have some a part with constants, by which the engine finds
    /// the few row groups to read.
    func rows(_ table: RowTable, in layout: Layout) -> String {
        var parts: [String] = []
        for source in layout.sources {
            let here = all.filter { member in
                guard case .file(let file) = source else { return true }
                return file.contents.identities.contains(member.id) && file.contents.seqs.upperBound >= member.firstSeq
            }
            if here.isEmpty { continue }
            let select = "SELECT * FROM \(source.name(table)) WHERE identity_id"
            if here.count <= Self.mostSeparate {
                parts += here.map { "\(select) = \($0.id)" }
            } else {
                parts.append("\(select) IN (\(here.map { String($0.id) }.joined(separator: ", ")))")
            }
        }
        // The newest tables are always among the sources.
        return parts.joined(separator: " UNION ALL ")
    }
}
