internal import DuckDB

extension ReportRun {
    /// Of each identity its person, both as numbers.
    func persons() throws -> [Int32] {
        var persons = (0...Int32(lastIdentity)).map { $0 }
        try forEachTie { (identity, person) in
            if persons.indices.contains(Int(identity)) { persons[Int(identity)] = Int32(truncatingIfNeeded: person) }
        }
        return persons
    }

    /// The identities whose person is another one, and that person.
    func forEachTie(_ body: (_ identity: Int64, _ person: Int64) -> Void) throws {
        guard hasTies else { return }
        let rows = try connection.query("SELECT identity_id, person_id FROM \(ReportQuery.ties)")
        while let chunk = try rows.nextChunk() {
            let (identities, persons) = (chunk.column(0).int64s, chunk.column(1).int64s)
            for row in identities.indices { body(identities[row], persons[row]) }
        }
    }
}
