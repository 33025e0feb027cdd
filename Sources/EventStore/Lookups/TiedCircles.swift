internal import DuckDB
internal import Model

/// Who is tied to whom, with the texts of their identities.
struct TiedCircles: Sendable {
    /// `PersonTies.version` when it was read; nothing was tied since if that is the same.
    private(set) var version: Int64 = -1
    /// In the order of the persons, and of each of its identities.
    private var persons: [Int64] = []
    private var identities: [Int64] = []
    private var ends: [Int] = []
    private var texts: [UInt8] = []
    /// Where each identity's person begins.
    private var starts: [Int64: Int] = [:]

    private static let mostTexts = 32 << 20

    init() {}

    /// - Parameter version: from before the transaction in which this reads.
    init(_ connection: Connection, version: Int64) throws(DuckDBError) {
        let rows = try connection.query(
            """
            SELECT person_id, identity_id, identity FROM identities
            WHERE person_id IN (SELECT person_id FROM identities WHERE identity_id <> person_id)
            ORDER BY person_id, identity_id
            """)
        var start = 0
        while let chunk = try rows.nextChunk() {
            for row in 0..<chunk.rowCount {
                let (person, identity) = (chunk.int64(0, row: row), chunk.int64(1, row: row))
                if persons.last != person { start = persons.count }
                persons.append(person)
                identities.append(identity)
                chunk.text(2, row: row) { texts.append(copying: $0) }
                ends.append(texts.count)
                starts[identity] = start
            }
            if texts.count > Self.mostTexts {
                // They are looked up by the engine.
                rows.close()
                self = TiedCircles()
                break
            }
        }
        self.version = version
    }

    /// The person of an identity, and all that are tied to it; nil if nobody is.
    func circle(of identity: Int64) -> (person: Int64, members: [(id: Int64, text: String)])? {
        guard let start = starts[identity] else { return nil }
        let person = persons[start]
        var members: [(id: Int64, text: String)] = []
        var at = start
        while at < persons.count, persons[at] == person {
            let from = at > 0 ? ends[at - 1] : 0
            members.append((identities[at], String(decoding: texts[from..<ends[at]], as: UTF8.self)))
            at += 1
        }
        return (person, members)
    }
}
