internal import DuckDB
internal import Model

/// What a batch's aliases and undos come to.
struct AliasPass {
    /// A row for `aliases`.
    struct Row {
        let tie: IdentityPass.Tie
        let pair: IdentityPair
        let identity: Int64
        let other: Int64
        var undoneSeq: Int64?
    }

    /// An alias or undo that could not be done, for `rejects`.
    struct Refusal {
        let tie: IdentityPass.Tie
        let reason: String
    }

    private(set) var rows: [Row] = []
    private(set) var refusals: [Refusal] = []
    /// Pairs of earlier batches that are undone now, and the first undo of each.
    private(set) var undone: [IdentityPair: Int64] = [:]
    /// Identities whose person changed.
    private(set) var changes: [(identity: Int64, person: Int64)] = []
    private var resolver = AliasResolver()
    private var placeOfSeq: [Int64: Int] = [:]

    /// - Parameters:
    ///   - id: the id behind a reference of the pass.
    ///   - existing: identities with greater ids are new in this batch and not in the database yet.
    ///   - hasUndone: whether any alias was ever undone; without, nothing has to be looked up for it.
    init(
        _ ties: [IdentityPass.Tie], id: (Int64) -> Int64, existing: Int64, hasUndone: Bool, _ connection: Connection
    ) throws(StoreError) {
        guard !ties.isEmpty else { return }
        let targets = try Self.targets(ties, connection)
        try load(ties, targets, id, existing, hasUndone, connection)
        for tie in ties {
            if let target = tie.undoes {
                undo(tie, target, targets)
            } else {
                alias(tie, id(tie.identityRef), id(tie.otherRef))
            }
        }
        changes = resolver.changes
    }

    private mutating func alias(_ tie: IdentityPass.Tie, _ identity: Int64, _ other: Int64) {
        guard identity != other else {
            refusals.append(Refusal(tie: tie, reason: "both identities are the same"))
            return
        }
        let pair = IdentityPair(identity, other)
        switch resolver.tie(pair, derived: tie.derived) {
        case .tied: append(Row(tie: tie, pair: pair, identity: identity, other: other, undoneSeq: nil))
        case .staysUndone: append(Row(tie: tie, pair: pair, identity: identity, other: other, undoneSeq: tie.seq))
        case .refused(let size):
            let most = AliasResolver.mostIdentities
            refusals.append(
                Refusal(tie: tie, reason: "the person would have \(size) identities, and \(most) is the most"))
        }
    }

    private mutating func append(_ row: Row) {
        placeOfSeq[row.tie.seq] = rows.count
        rows.append(row)
    }

    private mutating func undo(_ tie: IdentityPass.Tie, _ target: Int64, _ targets: [Int64: IdentityPair]) {
        guard let pair = placeOfSeq[target].map({ rows[$0].pair }) ?? targets[target] else {
            refusals.append(Refusal(tie: tie, reason: "there is no alias with the seq that the undo names"))
            return
        }
        for place in rows.indices where rows[place].pair == pair && rows[place].undoneSeq == nil {
            rows[place].undoneSeq = tie.seq
        }
        if undone[pair] == nil { undone[pair] = tie.seq }
        resolver.undo(pair)
    }

    /// The pairs of the stored aliases that undos name.
    private static func targets(
        _ ties: [IdentityPass.Tie], _ connection: Connection
    ) throws(StoreError) -> [Int64: IdentityPair] {
        let seqs = ties.compactMap(\.undoes)
        guard !seqs.isEmpty else { return [:] }
        return try storing {
            var pairs: [Int64: IdentityPair] = [:]
            let rows = try connection.rows(
                "SELECT seq, identity_id, other_id FROM aliases WHERE seq IN (SELECT unnest($1::BIGINT[]))",
                [.list(seqs.map { .int($0) })])
            for row in rows {
                if let seq = row[0].int, let a = row[1].int, let b = row[2].int { pairs[seq] = IdentityPair(a, b) }
            }
            return pairs
        }
    }

    /// Loads the groups that are concerned.
    private mutating func load(
        _ ties: [IdentityPass.Tie], _ targets: [Int64: IdentityPair], _ id: (Int64) -> Int64, _ existing: Int64,
        _ hasUndone: Bool, _ connection: Connection
    ) throws(StoreError) {
        var concerned: Set<Int64> = []
        for tie in ties where tie.undoes == nil {
            concerned.insert(id(tie.identityRef))
            concerned.insert(id(tie.otherRef))
        }
        for pair in targets.values {
            concerned.insert(pair.low)
            concerned.insert(pair.high)
        }
        let known = concerned.filter { $0 <= existing }.sorted()
        for new in concerned where new > existing { resolver.load(new, person: new) }
        guard !known.isEmpty else { return }
        let hasUndo = ties.contains { $0.undoes != nil }
        do {
            try connection.execute("CREATE OR REPLACE TEMP TABLE concerned(identity_id BIGINT)")
            var appender = try connection.appender("concerned", [.int64])
            for identity in known {
                appender.setInt64(0, identity)
                try appender.endRow()
            }
            try appender.finish()
            try connection.execute(Self.groupSQL)
            for row in try connection.rows("SELECT identity_id, person_id FROM concerned_group") {
                if let identity = row[0].int, let person = row[1].int { resolver.load(identity, person: person) }
            }
            guard hasUndo || hasUndone else { return }
            for row in try connection.rows(hasUndo ? Self.pairsSQL : Self.undonePairsSQL) {
                guard let low = row[0].int, let high = row[1].int, let isLive = row[2].bool else { continue }
                let pair = IdentityPair(low, high)
                if isLive { resolver.load(live: pair) } else { resolver.load(undone: pair) }
            }
        } catch {
            throw StoreError(error)
        }
    }

    private static let groupSQL = """
        CREATE OR REPLACE TEMP TABLE concerned_group AS
        SELECT identity_id, person_id FROM identities WHERE person_id IN (
            SELECT person_id FROM identities WHERE identity_id IN (SELECT identity_id FROM concerned))
        """

    /// The pairs of the groups, and whether they are tied. A pair that was undone may have its two sides in different
    /// groups now, so one side in them is enough.
    private static let pairsSQL = """
        SELECT least(identity_id, other_id) AS low, greatest(identity_id, other_id) AS high,
            bool_or(undone_seq IS NULL) AS live
        FROM aliases WHERE identity_id IN (SELECT identity_id FROM concerned_group)
            OR other_id IN (SELECT identity_id FROM concerned_group)
        GROUP BY ALL
        """

    /// Of those pairs, the ones that have been undone.
    private static let undonePairsSQL = """
        SELECT least(identity_id, other_id) AS low, greatest(identity_id, other_id) AS high, false AS live
        FROM aliases WHERE identity_id IN (SELECT identity_id FROM concerned_group)
            OR other_id IN (SELECT identity_id FROM concerned_group)
        GROUP BY low, high HAVING bool_and(undone_seq IS NOT NULL)
        """
}
