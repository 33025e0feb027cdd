internal import DuckDB
public import Model

extension EventStore {
    /// The forms in which names are stored that came without regard to case; those that nobody has used yet are left out.
    ///
    /// - Parameter areProperties: whether they are names of properties; else they are of events.
    public func storedNames(of names: [String], areProperties: Bool) async throws -> [ExactText: String] {
        let kind: NameTable.Kind = areProperties ? .property : .event
        var byFolded: [ExactText: [String]] = [:]
        for name in names {
            let bytes = Array(name.utf8)
            byFolded[ExactText(String(decoding: NameFolding.folded(bytes.span), as: UTF8.self)), default: []].append(
                name)
        }
        let folded = byFolded.keys.map(\.text)
        let rows = try await read { connection in
            try connection.rows(
                "SELECT folded, name FROM names WHERE kind = $2 AND folded IN (SELECT unnest($1)) ORDER BY first_seq DESC",
                [.list(folded.map { .text($0) }), .text(kind.label)])
        }
        var found: [ExactText: String] = [:]
        for row in rows {
            guard let folded = row[0].text, let name = row[1].text else { continue }
            // The first that was seen comes last, and stands.
            for raw in byFolded[ExactText(folded)] ?? [] { found[ExactText(raw)] = name }
        }
        return found
    }
}
