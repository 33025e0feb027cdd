internal import DuckDB

/// What a removal does to the table of people.
extension Removal {
    /// The rows of persons who go, as far as they still say something.
    func peopleCount(_ connection: Connection) throws -> Int64 {
        guard let condition = condition("identities") else { return 0 }
        return try connection.row(
            "SELECT count(*) FROM people_current WHERE NOT erased AND (\(Self.ofPeople(condition)))")?[0].int ?? 0
    }

    /// Leaves of persons who go no more than that they went; of whom only old rows go, everything is found anew. The file is to be
    /// written anew afterwards, since the bytes stay in this one.
    func forgetPeople(_ connection: Connection) throws {
        try connection.transaction { connection in
            guard let condition = condition("identities") else {
                try connection.execute(
                    "INSERT INTO people_pending SELECT identity_id, false FROM identities WHERE identity_id = person_id"
                )
                return
            }
            var state = try PeopleState.read(connection) ?? PeopleState([], day: ComputedDay(0, in: "UTC"))
            // Who came only just now may have been seen all the same, in a segment.
            try connection.execute(
                """
                INSERT INTO people_current SELECT identity_id, 0, NULL, false, NULL FROM identities
                WHERE identity_id = person_id AND (\(condition)) AND identity_id NOT IN (SELECT person_id FROM people_current)
                """)
            let goes = "NOT erased AND (\(Self.ofPeople(condition)))"
            let count = try connection.row("SELECT count(*) FROM people_current WHERE \(goes)")?[0].int ?? 0
            if count == 0 { return }
            try connection.execute(
                """
                UPDATE people_current SET change_seq = x.change_seq, merged_into = NULL, erased = true, computed = NULL
                FROM (SELECT person_id, \(state.changeSeq) + row_number() OVER (ORDER BY person_id) AS change_seq
                    FROM people_current WHERE \(goes)) x
                WHERE x.person_id = people_current.person_id
                """)
            state.changeSeq += count
            try state.write(connection)
        }
    }

    /// A person has the number of an identity, and all that are tied to it go together.
    private static func ofPeople(_ condition: String) -> String {
        condition.replacing("identity_id", with: "person_id")
    }
}
