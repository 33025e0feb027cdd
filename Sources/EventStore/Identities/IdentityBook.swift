internal import DuckDB
internal import Model

/// Gives identities their ids: 1, 2, 3 … in the order of their first appearance.
struct IdentityBook {
    /// An identity that appears for the first time.
    struct Newcomer {
        let id: Int64
        let unknown: IdentityPass.Unknown
    }

    /// The number of identities in the store, and so the highest id.
    private(set) var count: Int64
    private(set) var cache: IdentityCache
    /// Against texts that were made to collide.
    let seed: UInt64
    private let slots: Int

    init(count: Int64, slots: Int) {
        self.count = count
        self.slots = slots
        seed = UInt64.random(in: .min ... .max)
        cache = IdentityCache(slots: slots, isComplete: count == 0)
    }

    /// The batch's items with their identities, and the ids of the texts that the cache did not know.
    mutating func resolve(
        _ batch: ItemBatch, _ connection: Connection
    ) throws(StoreError) -> (pass: IdentityPass, ids: [Int64], newcomers: [Newcomer]) {
        if !cache.isComplete, cache.count == 0, count <= cache.capacity { try fill(connection) }
        var pass = try IdentityPass(batch, cache: &cache, seed: seed)
        var ids = [Int64](repeating: 0, count: pass.unknown.count)
        if !cache.isComplete, !pass.unknown.isEmpty { try find(&pass, &ids, batch, connection) }
        var newcomers: [Newcomer] = []
        for (place, unknown) in pass.unknown.enumerated() where ids[place] == 0 {
            count += 1
            ids[place] = count
            newcomers.append(Newcomer(id: count, unknown: unknown))
            cache.remember(unknown.hash, .init(id: count, isNamed: unknown.namedSeq != nil))
        }
        return (pass, ids, newcomers)
    }

    /// Reads every identity into the cache, so that none has to be looked up.
    private mutating func fill(_ connection: Connection) throws(StoreError) {
        var filled = IdentityCache(slots: slots, isComplete: true)
        let seed = seed
        try storing {
            let rows = try connection.query("SELECT identity_id, identity, named_seq FROM identities")
            while let chunk = try rows.nextChunk() {
                for row in 0..<chunk.rowCount {
                    let hash = chunk.text(1, row: row) { text in Hash128(text, seed: seed) }
                    let entry = IdentityCache.Entry(
                        id: chunk.int64(0, row: row), isNamed: !chunk.isNull(2, row: row))
                    filled.remember(hash, entry)
                }
            }
        }
        cache = filled
    }

    /// Looks the unknown texts up, all in one join.
    private mutating func find(
        _ pass: inout IdentityPass, _ ids: inout [Int64], _ batch: ItemBatch, _ connection: Connection
    ) throws(StoreError) {
        do {
            try connection.execute("CREATE OR REPLACE TEMP TABLE unknown_identities(place BIGINT, identity VARCHAR)")
            var appender = try connection.appender("unknown_identities", [.int64, .text])
            for (place, unknown) in pass.unknown.enumerated() {
                let payload = batch.slices[unknown.slice].payload
                appender.setInt64(0, Int64(place))
                appender.setClean(1, payload.span.extracting(unknown.text))
                try appender.endRow()
            }
            try appender.finish()
            let rows = try connection.query(
                """
                SELECT u.place, i.identity_id, i.named_seq
                FROM unknown_identities u JOIN identities i ON i.identity = u.identity
                """)
            while let chunk = try rows.nextChunk() {
                for row in 0..<chunk.rowCount {
                    let place = Int(chunk.int64(0, row: row))
                    let id = chunk.int64(1, row: row)
                    let isNamed = !chunk.isNull(2, row: row)
                    let unknown = pass.unknown[place]
                    ids[place] = id
                    if !isNamed, let seq = unknown.namedSeq { pass.noteNamed(id, seq: seq) }
                    cache.remember(unknown.hash, .init(id: id, isNamed: isNamed || unknown.namedSeq != nil))
                }
            }
        } catch {
            throw StoreError(error)
        }
    }
}
